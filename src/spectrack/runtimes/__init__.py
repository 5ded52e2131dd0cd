"""Networks outside torch: their functions as ONNX graphs, written, checked, and run."""
