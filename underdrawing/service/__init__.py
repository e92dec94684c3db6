"""The HTTP API and the web page: pictures over the network in, verdicts out, work in processes of its own."""
