"""Every English sentence of the page."""

from __future__ import annotations

TITLE = "spectrack"

TOOLS = {
    "box": ("crop_free", "Box: drag around the object (B)"),
    "point": ("ads_click", "Click: on the object; with Shift or the right button beside it (C)"),
    "paint": ("brush", "Paint: add to the mask (P)"),
    "erase": ("auto_fix_off", "Erase: take from the mask (E)"),
}
BRUSH = "Brush size (+ and -)"
UNDO = "Undo (Ctrl-Z)"
REDO = "Redo (Ctrl-Shift-Z)"
HELP = "Keys and how it works (H)"
OPEN = "Open another video"

OBJECTS = "Objects"
ADD_OBJECT = "Add an object (A)"
NO_OBJECT = "Draw a box around the object to begin."
REMOVE_OBJECT = "Remove this object"
GONE = "Gone"
GONE_TIP = "The object is out of sight from this frame on, until its next key frame (G)"
TAKE = "Keep"
TAKE_TIP = "The mask that is shown becomes a key frame (K)"
UNSET = "Unset"
UNSET_TIP = "This frame is no key frame any more (Delete)"

FOLLOW = "Follow"
TRACKER = "Tracker"
BACKWARD = "To the start (Shift-R)"
FORWARD = "To the end (R)"
NEXT = "To the next key frame (N)"
RUN = "All"
RUN_TIP = "Follow all objects wherever something has changed"
PAUSE = "Pause"
RESUME = "Go on"
STOP = "Stop"
WATCH = "Watch while it works"
NOTHING_TO_RUN = "All of it is up to date."

SHOW = "Show"
MODES = {"single": "One", "slider": "Before/after", "side": "Side by side"}
LEFT, RIGHT = "Left", "Right"
TRACKED = "{name}"
RAW = "{name}, before the filter"

LAYERS = "Other masks"
LOAD = "Load"
LOAD_TIP = "Masks of another method, from a folder or file below the root"
REFINE = "Refine"
REFINE_TIP = "Make the masks on the left consistent in space and time"
FUSE = "Fuse"
FUSE_TIP = "Fuse the masks on the left and on the right into better ones"
REFINED = "{name}, refined"
FUSED = "{a} + {b}"
FUSE_TWO = "Show two different masks side by side first, then fuse them."

REVIEW = "Worth a look"
REVIEW_TIP = "The most doubtful frame (D)"
REVIEW_NONE = "Run the tracker first."

EXPORT = "Export"
EXPORT_AS = "Format"
EXPORTED = "{name} is ready."

RATE = "{rate:.1f} frames/s, {left} left"
WORKING = "{done} of {total} frames"
FRAME = "Frame {frame} of {length}"
TIME = "{minutes:d}:{seconds:05.2f}"
SCORE = "score {score:.2f}"
DOUBT = "doubt {doubt:.2f}"
STATES = {
    "none": "not followed yet",
    "stale": "from before the last correction",
    "draft": "as it comes",
    "done": "done",
    "key": "key frame",
}
LEGEND = "Line: score. Amber: doubt. Diamonds: key frames. Green: done, grey: out of date."

PLAY = "Play (Space)"
FIRST_KEY = "Key frame before ([)"
NEXT_KEY = "Next key frame (])"
BACK, AHEAD = "One frame back (Left)", "One frame on (Right)"
TIMELINE = "Timeline"
SLIDER = "Border between left and right"

WELCOME = "Follow an object through a video"
WELCOME_TEXT = (
    "Draw a box around it in one frame. The tracker gives a mask in every other; "
    "where it is wrong, correct it, and the frames around follow."
)
UPLOAD = "Drop a video here, or click to choose one"
SENDING = "Sending"
TOO_LARGE = "This file is too large; give a smaller one, or put it below the root folder."
BELOW_ROOT = "On this machine"
SESSIONS = "Earlier sessions"
UP = "Up"
OPENING = "Opening the video"
EMPTY_FOLDER = "Nothing to open here."
OPEN_FOLDER = "Open this folder of images"

CANCEL = "Cancel"
CLOSE = "Close"
CHOOSE_MASKS = "Masks of another method"
USE_FOLDER = "Use this folder"

SHORTCUTS = (
    ("Left, Right", "one frame; with Shift ten"),
    ("Home, End", "first, last frame"),
    ("Space", "play, stop"),
    ("[ and ]", "key frame before, after"),
    ("B, C, P, E", "box, click, paint, erase"),
    ("+ and -", "size of the brush"),
    ("Alt-arrows, Enter", "move the pointer; press and release it"),
    ("R, Shift-R, N", "follow to the end, to the start, to the next key frame"),
    ("G", "the object is gone from here on"),
    ("K, Delete", "make this frame a key frame, or none"),
    ("A, 1 to 9", "add an object, choose one"),
    ("D", "go to the most doubtful frame"),
    ("Ctrl-Z, Ctrl-Shift-Z", "undo, redo"),
    ("Wheel, 0", "zoom, whole picture"),
    ("Esc", "stop what runs"),
)
