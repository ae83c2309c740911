"""A user's project whose modules are named like our rooms: models/, stages.py, pipeline.py beside the YAML."""

from pathlib import Path

FRAMES = 5
FILES = {
    # A folder without __init__.py, as most are.
    "models/load_face_finder.py": 'LABEL = "by my own models"\n',
    "models/weights.onnx": "not read\n",
    # No Python in it: `import scipy` finds the installed one.
    "scipy/weights.bin": "not read\n",
    "pipeline.py": "SCORE = 0.25\n",
    # Modules that Framewire needs win: these are never imported.
    "queue.py": 'raise ImportError("the wrong queue")\n',
    "yaml.py": 'raise ImportError("the wrong yaml")\n',
    "stages.py": """from framewire import Detection, Packet, Stage, stage
from models.load_face_finder import LABEL
from pipeline import SCORE
from scipy.optimize import linear_sum_assignment


@stage("mine")
class Mine(Stage[None]):
    def open(self) -> None:
        # Not loaded before a worker runs.
        from models.late import BOX

        assert linear_sum_assignment([[1.0]])[0].tolist() == [0]
        self.box = BOX

    def process(self, packet: Packet) -> Packet:
        return packet.plus([Detection(label=LABEL, box=self.box, score=SCORE)])
""",
    "models/late.py": "BOX = (1, 2, 3, 4)\n",
    "mine.yaml": f"""stages:
  capture: {{source: shots, limit: {FRAMES}}}
  mine: {{use: "stages:Mine", input: capture}}
  list: {{use: jsonl_writer, input: mine, path: mine.jsonl}}
""",
}


def write_project(folder: Path, picture: bytes) -> Path:
    """Write it; `shots/` has the pictures, relative to the YAML file. Returns the YAML file."""
    for name, text in FILES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (folder / "shots").mkdir()
    for number in range(FRAMES):
        (folder / "shots" / f"{number}.png").write_bytes(picture)
    return folder / "mine.yaml"
