"""Take repeated text out of a corpus: what is read often is learnt by heart.

Source: Lee et al. 2022, "Deduplicating training data makes language models better",
https://arxiv.org/abs/2107.06499; Kandpal et al. 2022, https://arxiv.org/abs/2202.06539, for what
that does to privacy.
"""

from reticent.training.deduplicate.exact import Spans, repeated_spans
from reticent.training.deduplicate.near import NearDuplicate, near_duplicates
from reticent.training.deduplicate.run import Deduplicated, deduplicate

__all__ = [
    "Deduplicated",
    "NearDuplicate",
    "Spans",
    "deduplicate",
    "near_duplicates",
    "repeated_spans",
]
