"""SFTrack++: several trackers' boxes to one mask and one box (papers SFTrack++ and SFSeg++ 4.6)."""
