"""The stages that come with Framewire: one file, or one folder, each. They know pictures, not processes."""
