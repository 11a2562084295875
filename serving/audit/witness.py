"""What left the site, and what was kept from it, as the audit log has it: entries of kind `egress`.

A running service notes what it is set up to send. Commands that write (`endolink score`,
`deidentify`, `audit export`, `retained export`) note theirs where `ENDOLINK_AUDIT` and
`ENDOLINK_AUDIT_KEY` are set, in a chain beside the service's: only one process writes to a chain.
"""

import random
import time
from typing import Final

from pydantic import JsonValue
from pydantic_settings import SettingsConfigDict

from endolink.model.egress import EgressSettings, Passage
from endolink.model.errors import AuditUnavailable
from endolink.serving.audit.checkpoint import SigningKey
from endolink.serving.audit.log import AuditLog
from endolink.serving.audit.settings import AuditSettings

# Commands that write at the same moment: all but one of them open the chain again, each after a
# pause of its own, or they would meet again and again.
_TRIES: Final = 40
_PAUSE_S: Final = (0.005, 0.05)


class CommandSettings(AuditSettings):
    """Where commands note what they do, from the environment."""

    model_config = SettingsConfigDict(env_prefix="ENDOLINK_", frozen=True, extra="ignore")

    @property
    def chain(self) -> str:
        """The chain of all commands, beside the service's."""
        return f"{self.audit_chain}-commands"


def entry_of(passage: Passage, by: str) -> dict[str, JsonValue]:
    """Give what the log keeps of a decision: kinds, host and answer, and what asked."""
    return {
        "by": by,
        "kinds": [*passage.kinds],
        "to": passage.host,
        "allowed": passage.allowed,
    }


def note(kind: str, body: dict[str, JsonValue], settings: CommandSettings | None = None) -> bool:
    """Write one entry into the commands' chain, signed; False where no log is set up.

    Raises
    ------
    AuditUnavailable
        It cannot be written, and `ENDOLINK_AUDIT_POLICY` is to refuse.
    AuditKeyUnusable, AuditTampered, EgressRefused
        As `AuditLog.open` does.
    """
    settings = settings or CommandSettings()
    if settings.audit is None or settings.audit_key is None:
        return False
    key = SigningKey.read(settings.audit_key)
    for left in reversed(range(_TRIES)):
        try:
            log = AuditLog.open(
                settings.audit.get_secret_value(),
                settings.chain,
                key,
                policy=settings.audit_policy,
                durable=settings.audit_durable,
            )
            try:
                log.append(kind, body).result()
            finally:
                log.close()
        except AuditUnavailable:
            if not left:
                raise
            time.sleep(random.uniform(*_PAUSE_S))  # noqa: S311 - no secret
        else:
            break
    return True


def rules_of(command: str) -> EgressSettings:
    """Give the rules of the environment, whose answers to `command` the audit log shows."""
    settings = CommandSettings()

    def tell(passage: Passage) -> None:
        note("egress", entry_of(passage, command), settings)

    return EgressSettings().told_to(tell)
