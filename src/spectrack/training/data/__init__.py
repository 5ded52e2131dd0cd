"""What tracking networks learn from: clips, crops, samples, augmentation."""
