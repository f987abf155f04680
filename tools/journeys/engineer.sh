# A fresh environment

python3 -m venv .venv && . .venv/bin/activate && pip install -q "$YAMJIT" ai-edge-litert

# A model for sounds of one's own, how good it is, and what it says of itself

yamjit train sounds -o mine.tflite --calibrate --bake

yamjit evaluate new --model mine.tflite

yamjit info mine.tflite

# The same model in TFLite's interpreter, and in yamjit

python - <<'PROGRAM'
import soundfile, yamjit
from ai_edge_litert.interpreter import Interpreter
samples = soundfile.read("new/Siren/0.wav", dtype="float32")[0][:15600]
interpreter = Interpreter("mine.tflite")
interpreter.allocate_tensors()
interpreter.set_tensor(interpreter.get_input_details()[0]["index"], samples)
interpreter.invoke()
print(interpreter.get_tensor(interpreter.get_output_details()[0]["index"])[0].round(3))
print(yamjit.load("mine.tflite").score_window(samples).scores[0].round(3))
PROGRAM
