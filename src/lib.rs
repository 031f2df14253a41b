//! Image Watcher.
