"""SiamRPN and SiamRPN++: anchors over a search region, judged and shifted by a template."""
