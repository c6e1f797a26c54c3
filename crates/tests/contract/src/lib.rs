//! Integration tests only: `tests/contract` sends real events to the functions and compares every
//! response with `openapi.yaml`.
