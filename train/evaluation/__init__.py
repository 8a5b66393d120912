"""How the adapters do on held-out clips: samples, measures, and the page that shows them."""
