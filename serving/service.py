"""What every resource of one running service shares."""

from dataclasses import dataclass

from endolink.serving.intake import Intake
from endolink.serving.metrics import Metrics
from endolink.serving.models import Models
from endolink.serving.scheduler import Scheduler
from endolink.serving.settings import Settings


@dataclass(frozen=True)
class Service:
    """One running service: how it is set up, what it answers with, and who does the work."""

    settings: Settings
    models: Models
    scheduler: Scheduler
    intake: Intake
    metrics: Metrics
