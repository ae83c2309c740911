"""What frames are read from: video files, pictures, watched folders, cameras and streams."""
