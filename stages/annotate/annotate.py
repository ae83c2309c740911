"""annotate: draws detections into the picture."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from framewire.pipeline.frame.packet import Packet
from framewire.pipeline.option import InputFile, Labels, labels_of
from framewire.pipeline.stage import Stage, StageError, stage
from framewire.stages.annotate.lettering import Lettering
from framewire.stages.annotate.modern_look import ModernLook
from framewire.stages.annotate.style import Style
from framewire.stages.annotate.tutorial_look import TutorialLook


class AnnotateOptions(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to draw, and how it looks."""

    look: Annotated[
        Literal["modern", "tutorial"],
        Meta(
            description="modern: thin boxes, small captions that keep clear of faces and each other; "
            "tutorial: red and green boxes, captions in OpenCV's font above them"
        ),
    ] = "modern"
    of: Annotated[Labels | None, Meta(description="Labels to draw; default: all")] = None
    styles: Annotated[
        dict[str, Style],
        Meta(description="By label: {color: '#rrggbb', thickness: pixels, caption: true or false}"),
    ] = {}
    other: Annotated[Style, Meta(description="The style of all other labels")] = Style()
    captions: Annotated[bool, Meta(description="Write labels and attributes at the boxes")] = True
    color_by: Annotated[
        str, Meta(min_length=1, description="modern: colours by label, track, or the name of an attribute")
    ] = "label"
    font: Annotated[
        InputFile, Meta(description="modern: a .ttf, .otf or .ttc file; default: Pillow's own, which has Latin letters")
    ] = ""
    text_px: Annotated[
        float, Meta(ge=0, le=500, description="Height of a caption's capitals in pixels; 0: by picture and box")
    ] = 0


@stage("annotate")
class Annotate(Stage[AnnotateOptions]):
    """Draw boxes and captions into a copy of the picture; detections stay as they are.

    A caption stands beside its box, inside the picture, and covers no face and no other caption: where there is no room
    it says less, or nothing. Colours are told apart by the colour-blind, too. Frames without detections are not copied.

    Example:
        drawn: {use: annotate, input: tracks, color_by: track}
        cars: {use: annotate, input: tracks, of: [car, bus], styles: {car: {color: "#ffff00", thickness: 3}}}
    """

    Options = AnnotateOptions

    def open(self) -> None:
        """Load the font, and parse the caption templates."""
        options = self.options
        self._labels = labels_of(options.of) if options.of is not None else None
        self._lettering = None
        self._missing: set[str] = set()
        try:
            if options.look == "tutorial":
                self._look: TutorialLook | ModernLook = TutorialLook(options.styles, options.other, options.text_px)
                return
            self._lettering = Lettering(options.font)
            self._look = ModernLook(options.styles, options.other, self._lettering, options.color_by, options.text_px)
        except ValueError as error:
            raise StageError(f"invalid caption: {error}") from error

    def process(self, packet: Packet) -> Packet:
        """Draw."""
        wanted = packet.detections if self._labels is None else packet.labelled(*self._labels)
        if not wanted:
            return packet
        packet, pixels = self.canvas(packet)
        self._look.draw(pixels, wanted, self.options.captions)
        self._tell_what_is_missing()
        return packet

    def _tell_what_is_missing(self) -> None:
        """A letter that the font does not have is told once."""
        if self._lettering is None or len(self._lettering.missing) == len(self._missing):
            return
        new = sorted(self._lettering.missing - self._missing)
        self._missing |= self._lettering.missing
        self.log.warning("the font has no %s: set `font` to one that does, such as Noto Sans CJK", " ".join(new))
