"""How detections of one label look."""

from typing import Annotated

from msgspec import Meta, Struct

COLOR = "^#[0-9a-fA-F]{6}$"
"""#rrggbb."""


class Style(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How detections of one label look; what is left empty is as the look has it."""

    color: Annotated[str, Meta(pattern=f"{COLOR}|^$", description="#rrggbb, or nothing, for the look's own")] = ""
    thickness: Annotated[
        Annotated[int, Meta(ge=0, le=100)] | None,
        Meta(description="Of the box, in pixels; 0: 1/150 of the picture's height; default: the look's"),
    ] = None
    caption: Annotated[
        bool | str | None,
        Meta(description="true, false, or a template: '{gender!c}: {age}', see docs/stages.md; default: not for eyes"),
    ] = None
    plate: Annotated[bool, Meta(description="Draw the caption on a plate; false: plain, 10 pixels above the box")] = (
        True
    )
    text_color: Annotated[
        str, Meta(pattern=f"{COLOR}|^$", description="#rrggbb; default: what is easy to read on the plate")
    ] = ""
    text_thickness: Annotated[
        int, Meta(ge=0, le=50, description="tutorial: caption stroke width; 0: by text height")
    ] = 0

    def speaks(self, label: str) -> bool:
        """Whether detections of this label have a caption: an eye's says nothing that its face's does not."""
        return self.caption is not False and (self.caption is not None or label not in SILENT)


SILENT = frozenset({"eye"})
"""Labels without a caption by default."""
