"""Where events move: Kafka through Faust, files through replay, state, metrics, the command line."""
