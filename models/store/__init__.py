"""Where a model's files come from: the package, your folder, the cache, or a verified download."""
