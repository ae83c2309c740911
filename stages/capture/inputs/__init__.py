"""What frames are read from: films, pictures, cameras and streams."""
