from dataclasses import FrozenInstanceError

import pytest

from endolink.model.runtime import available_cpus
from endolink.serving.models import Models
from endolink.serving.settings import Settings
from tests.serving.service import Running


def test_a_running_service_has_what_it_was_made_with(
    running: Running, settings: Settings, models: Models
) -> None:
    assert running.service.settings is settings
    assert running.service.models is models
    assert running.service.scheduler.workers == available_cpus()
    assert running.service.scheduler.capacity == available_cpus() + settings.queue


def test_a_service_does_not_change(running: Running, models: Models) -> None:
    with pytest.raises(FrozenInstanceError):
        running.service.models = models  # type: ignore[misc]
