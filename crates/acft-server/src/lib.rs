//! The server of a project: a page for experts, and the JSON API behind it.
