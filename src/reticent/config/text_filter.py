"""What the text_filter of an endpoint may hold."""

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from reticent.config.values import Named, different

Personal = Literal["email", "phone", "card", "iban", "ssn", "nhs", "ip"]


class TextFilter(BaseModel):
    """What a model's texts are read for before a caller gets them."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    index: Named | None = Field(
        default=None,
        examples=["private.index"],
        description='Folder, relative to this file, that "reticent index" has built of the texts '
        "that must not be said.",
    )
    key: Named | None = Field(
        default=None,
        examples=["/run/secrets/index-key"],
        description="File of the key of index. Default: the one in its folder.",
    )
    allow: Named | None = Field(
        default=None,
        examples=["public.index"],
        description="Folder of an index of texts that may be said all the same: quotations, "
        "licences, boilerplate.",
    )
    action: Literal["stop", "redact", "regenerate"] = Field(
        default="stop",
        description="End the text, take the passage out, or ask the model again and end the text "
        "if that does not help (a streamed text ends at once).",
    )
    attempts: Annotated[int, Field(ge=1, le=5)] = Field(
        default=2, description="How often a model is asked again."
    )
    near: bool = Field(default=True, description="Look for passages with words replaced, too.")
    hold: Annotated[int, Field(ge=0, le=400)] = Field(
        default=0,
        examples=[300],
        description="Letters and digits that a stream is held back, at least the shortest span of "
        "the index less one. With more, more of a near copy is caught before it is out.",
    )
    personal: Annotated[tuple[Personal, ...], Field(strict=False), AfterValidator(different)] = (
        Field(
            default=(),
            examples=[["email", "card"]],
            description="Kinds of personal data that are taken out whoever they belong to.",
        )
    )
    marker: Annotated[str, Field(max_length=40)] = Field(
        default="[redacted]", description="What stands in the place of what was taken out."
    )
