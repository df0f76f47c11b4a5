# posestream on CPUs:  docker build -f docker/cpu.Dockerfile -t posestream .
#   docker run --rm -v "$PWD:/data" posestream --source /data/clip.mp4 --json /data/json
#   docker run --rm --device /dev/video0 -p 8080:8080 posestream --source webcam --serve 0.0.0.0:8080
FROM python:3.11-slim
RUN apt-get update \
    && apt-get install -y --no-install-recommends libgl1 libglib2.0-0 libxcb1 libxext6 libsm6 \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /app
COPY requirements.txt .
RUN pip install --no-cache-dir -r requirements.txt
COPY run.py ./
COPY posestream posestream
COPY engines engines
COPY realtime realtime
COPY calibration calibration
# Weights and compiled things are kept here: mount a volume to keep them between runs.
ENV XDG_CACHE_HOME=/cache
VOLUME /cache
ENTRYPOINT ["python", "run.py"]
