"""The recipes of our own two models of faces: emotion, and age with gender."""
