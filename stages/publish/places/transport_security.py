"""TLS: the context that all places use, from the files that the options name."""

import ssl

from framewire.pipeline.stage import StageError
from framewire.stages.publish.places.place import PlaceOptions


def tls_context(options: PlaceOptions) -> ssl.SSLContext:
    """A context that checks the server's certificate and name. Raises StageError if a file cannot be used."""
    for name in ("ca_file", "cert_file", "key_file"):
        path = getattr(options, name)
        if path:
            try:
                with open(path, "rb"):  # noqa: PTH123
                    pass
            except OSError as error:
                raise StageError(f"{name} {path} cannot be read: {error.strerror}") from error
    if options.key_file and not options.cert_file:
        raise StageError("key_file needs cert_file: the certificate that the key belongs to")
    try:
        context = ssl.create_default_context(cafile=options.ca_file or None)
        if options.cert_file:
            context.load_cert_chain(options.cert_file, options.key_file or None)
    except (ssl.SSLError, OSError) as error:
        raise StageError(f"the TLS files cannot be used: {error}") from error
    return context
