# A fresh environment

python3 -m venv .venv && . .venv/bin/activate && pip install -q "$YAMJIT"

# A program for MediaPipe, its imports changed

sed -e 's/^import mediapipe as mp$/from yamjit.task import mediapipe as mp/' \
    -e 's/^from mediapipe\.tasks/from yamjit.task.mediapipe.tasks/' program.py > migrated.py

python migrated.py "$YAMJIT_MODEL" clip.wav

# The same in yamjit's own words

python - <<'PROGRAM'
import yamjit
model = yamjit.load()
print(model.classify("clip.wav"))
for event in model.events("clip.wav"):
    print(event)
PROGRAM
