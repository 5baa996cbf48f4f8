import base64
import os
from pathlib import Path

from openai import OpenAI

url = os.environ.get("LITEGEN_URL", "http://127.0.0.1:4000")
client = OpenAI(base_url=f"{url}/v1", api_key=os.environ.get("LITEGEN_KEY", "local"))

images = client.images.generate(model="mock/paint", prompt="a red fox under a teal sky", response_format="b64_json")
Path("fox.png").write_bytes(base64.b64decode(images.data[0].b64_json))
print("fox.png")

video = client.videos.create_and_poll(model="mock/clip", prompt="a red fox runs", seconds="4", size="1280x720")
if video.status != "completed":
    raise SystemExit(video.error.message if video.error else video.status)
client.videos.download_content(video.id).write_to_file("clip.mp4")
print("clip.mp4")
