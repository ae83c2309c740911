"""The tutorial's loop in one process: read, grey, Haar faces, Haar eyes, draw, write MJPG and a line of JSON.

Run as a separate program, so that its CPU time is its own: `python -m bench.plain_loop CLIP THREADS OUT`.
"""

import json
import sys
import time
from pathlib import Path

import cv2
import cv2.data
import msgspec

from bench.loop_figures import LoopFigures


def plain_loop(clip: Path, threads: int, out: Path) -> LoopFigures:
    """Run the loop over the clip with this number of OpenCV threads."""
    cv2.setNumThreads(threads)
    face_finder = cv2.CascadeClassifier(cv2.data.haarcascades + "haarcascade_frontalface_default.xml")
    eye_finder = cv2.CascadeClassifier(cv2.data.haarcascades + "haarcascade_eye.xml")
    reader = cv2.VideoCapture(str(clip))
    size = (int(reader.get(cv2.CAP_PROP_FRAME_WIDTH)), int(reader.get(cv2.CAP_PROP_FRAME_HEIGHT)))
    started, cpu = time.monotonic(), time.process_time()
    writer = cv2.VideoWriter(str(out / "loop.avi"), cv2.VideoWriter.fourcc(*"MJPG"), reader.get(cv2.CAP_PROP_FPS), size)
    frames = 0
    with (out / "loop.jsonl").open("w") as lines:
        while True:
            ok, frame = reader.read()
            if not ok:
                break
            grey = cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY)
            found = []
            for x, y, w, h in face_finder.detectMultiScale(grey, 1.2, 3, minSize=(32, 32)):
                found.append(("face", int(x), int(y), int(w), int(h)))
                for ex, ey, ew, eh in eye_finder.detectMultiScale(grey[y : y + h, x : x + w]):
                    found.append(("eye", int(x + ex), int(y + ey), int(ew), int(eh)))
            for label, x, y, w, h in found:
                color, thickness = ((0, 0, 255), 2) if label == "face" else ((0, 255, 0), 1)
                cv2.rectangle(frame, (x, y), (x + w, y + h), color, thickness)
            writer.write(frame)
            lines.write(json.dumps({"seq": frames, "detections": found}) + "\n")
            frames += 1
    writer.release()
    return LoopFigures(frames, time.monotonic() - started, time.process_time() - cpu)


if __name__ == "__main__":
    figures = plain_loop(Path(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]))
    sys.stdout.buffer.write(msgspec.json.encode(figures))
