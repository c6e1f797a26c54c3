//! The built binaries, end to end: see `tests/`.
