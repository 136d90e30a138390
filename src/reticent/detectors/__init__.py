"""What looks for attacks in the stream of questions: events in, suspicion out."""

from reticent.detectors.base import Detector, Event, Suspicion, detector_kinds

__all__ = ["Detector", "Event", "Suspicion", "detector_kinds"]
