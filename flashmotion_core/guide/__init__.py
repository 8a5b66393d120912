"""The motion guide: objects follow their boxes without an adapter."""
