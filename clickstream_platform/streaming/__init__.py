"""The engine: one file a sentence (offsets, trigger, state, watermark, sink, checkpoint), then what joins them."""
