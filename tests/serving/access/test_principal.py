from endolink.serving.access.principal import ANYBODY, SCOPES, Principal


def test_admin_does_not_imply_the_rest() -> None:
    assert not Principal("a", frozenset({"admin"})).may("score")


def test_anybody_may_everything() -> None:
    assert all(ANYBODY.may(scope) for scope in SCOPES)
