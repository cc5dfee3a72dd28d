"""The foundation of every component; it holds no component itself."""
