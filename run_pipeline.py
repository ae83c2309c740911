"""Run a Framewire pipeline: `python run_pipeline.py configs/faces.yaml`; `--help` tells the rest."""

from pipeline.cli import main

if __name__ == "__main__":
    main()
