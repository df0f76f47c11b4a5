# posestream on NVIDIA GPUs:  docker build -f docker/nvidia.Dockerfile -t posestream-nvidia .
#   docker run --rm --gpus all -v posestream:/cache -p 8080:8080 posestream-nvidia \
#       --source rtsp://... --serve 0.0.0.0:8080
#   docker run --rm --gpus all --entrypoint python posestream-nvidia -m engines doctor
# Needs the NVIDIA container toolkit and a driver for CUDA 13. The devel image has nvcc and the
# headers that pycuda and the kernels are compiled with.
FROM nvidia/cuda:13.0.1-devel-ubuntu24.04
RUN apt-get update \
    && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
        python3 python3-dev python3-venv g++ libgl1 libglib2.0-0 libxcb1 libxext6 libsm6 \
    && rm -rf /var/lib/apt/lists/*
RUN python3 -m venv /venv
ENV PATH=/venv/bin:$PATH CUDA_HOME=/usr/local/cuda
WORKDIR /app
COPY requirements.txt requirements-gpu.txt ./
RUN pip install --no-cache-dir -r requirements-gpu.txt
COPY run.py ./
COPY posestream posestream
COPY engines engines
COPY realtime realtime
COPY calibration calibration
# Weights, kernels and engines are kept here: mount a volume, or they are built with every run.
ENV XDG_CACHE_HOME=/cache
VOLUME /cache
ENTRYPOINT ["python", "run.py"]
