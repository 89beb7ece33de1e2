"""List the microphones; open one by name, or the default when that fails: python devices.py [NAME]."""

import sys

from satellite import DeviceError, Microphone, input_devices, version

print(version())
for device in input_devices():
    print(f"{device.index}: {device.name} ({device.id}), {device.max_input_channels} channel(s)")

mic = Microphone(device=sys.argv[1] if len(sys.argv) > 1 else None)
try:
    mic.start()
except DeviceError as error:
    print(error)
    mic = Microphone()
    mic.start()
print(mic.statistics().description)
mic.stop()
