"""What a [[guard.endpoint]] table tells a wire protocol."""

from reticent.config.guard import Endpoint
from reticent.protocols.base import Interface


def interface_of(endpoint: Endpoint) -> Interface:
    """Return what a protocol needs to know of an endpoint."""
    return Interface(
        model=endpoint.model,
        task=endpoint.task,
        classes=endpoint.classes,
        columns=tuple(column.name for column in endpoint.inputs),
        row_shape=endpoint.row_shape,
        outputs=dict(endpoint.outputs),
        path=endpoint.path or "",
        version=endpoint.version,
        settings=dict(endpoint.settings),
    )
