"""The models that Framewire knows, and the facts about them. Nothing is downloaded until requested."""

from framewire.models.cannot_load import CannotLoadError
from framewire.models.catalogue.coco import COCO_80
from framewire.models.catalogue.model_entry import Head, ModelEntry, ModelInput
from framewire.models.catalogue.model_file import ModelFile
from framewire.models.crops.alignment import AlignedCrop
from framewire.models.crops.face_crop import FER_CROP, UTKFACE_CROP

_ZOO = "https://github.com/opencv/opencv_zoo/raw/main/models"
_TRAIN = "https://github.com/ShiqiYu/libfacedetection.train/raw/master/onnx"
_ULTRA = "https://github.com/Linzaer/Ultra-Light-Fast-Generic-Face-Detector-1MB/raw/master/models/onnx"
_LEARN = "https://github.com/spmallick/learnopencv/raw/master/AgeGender"
_PARTY = "https://github.com/opencv/opencv_3rdparty/raw"
_LEVI = "https://github.com/GilLevi/AgeGenderDeepLearning/raw/master"
_KAZUHITO = "https://github.com/Kazuhito00/YOLOX-ONNX-TFLite-Sample/raw/main/model"
_ONNX = "https://github.com/onnx/models/raw/main/validated/vision/body_analysis"

LEVI_HASSNER_AGES = ("(0-2)", "(4-6)", "(8-12)", "(15-20)", "(25-32)", "(38-43)", "(48-53)", "(60-100)")
"""The eight ranges of Levi and Hassner's age net, in the order of its output."""
_LEVI_HASSNER_INPUT = ModelInput(
    height=227, width=227, order="BGR", mean=(78.4263377603, 87.7689143744, 114.895847746), shrinking="linear"
)
_GOOGLENET_INPUT = ModelInput(height=224, width=224, order="BGR", mean=(104.0, 117.0, 123.0), batch=1)

CATALOGUE: tuple[ModelEntry, ...] = (
    ModelEntry(
        name="yunet",
        task="face detection",
        runtime="onnxruntime",
        files=(
            ModelFile(
                name="face_detection_yunet_2023mar.onnx",
                url=f"{_ZOO}/face_detection_yunet/face_detection_yunet_2023mar.onnx",
                sha256="8f2383e4dd3cfbb4553ea8718107fc0423210dc964f9f4280604804ed2552fa4",
                size=232589,
            ),
        ),
        licence="MIT",
        origin="Shiqi Yu, OpenCV Zoo",
        input=ModelInput(height=640, width=640, order="BGR", batch=1, multiple_of=32),
        output="YuNet heads at strides 8, 16, 32: class, objectness, box, five landmarks",
        labels=("face",),
        accuracy="WIDER FACE validation AP 0.834 easy, 0.824 medium, 0.708 hard (OpenCV Zoo)",
        recommended=True,
    ),
    ModelEntry(
        name="yunet-n",
        task="face detection",
        runtime="onnxruntime",
        files=(
            ModelFile(
                name="yunet_n_dynamic.onnx",
                url=f"{_TRAIN}/yunet_n_dynamic.onnx",
                sha256="104ee26c71d5c270ce79a6b3dced91c91013260d29a6bf18f9296c5b8c4c2b12",
                size=322906,
            ),
        ),
        licence="Apache-2.0",
        origin="libfacedetection.train",
        input=ModelInput(height=0, width=0, order="BGR", multiple_of=32),
        output="YuNet heads at strides 8, 16, 32: class, objectness, box, five landmarks",
        labels=("face",),
    ),
    ModelEntry(
        name="ultraface-rfb-320",
        task="face detection",
        runtime="onnxruntime",
        files=(
            ModelFile(
                name="version-RFB-320.onnx",
                url=f"{_ULTRA}/version-RFB-320.onnx",
                sha256="34cd7e60aeff28744c657de7a3dc64e872d506741de66987f3426f2b79f88017",
                size=1270727,
            ),
        ),
        licence="MIT",
        origin="Linzaer, Ultra-Light-Fast-Generic-Face-Detector-1MB",
        input=ModelInput(height=240, width=320, order="RGB", mean=(127.0, 127.0, 127.0), scale=1 / 128, batch=1),
        output="scores (background, face) and boxes (left, top, right, bottom) relative to picture size",
        labels=("background", "face"),
    ),
    ModelEntry(
        name="ssd-res10",
        task="face detection",
        runtime="cv2.dnn",
        files=(
            ModelFile(
                name="opencv_face_detector_uint8.pb",
                url=f"{_PARTY}/dnn_samples_face_detector_20180220_uint8/opencv_face_detector_uint8.pb",
                sha256="5c71d752ef2cbf2f457ac82fdd580fcb2522fd04c5efdaed18eb6d9e2843fbed",
                size=2727750,
            ),
            ModelFile(
                name="opencv_face_detector.pbtxt",
                url=f"{_LEARN}/opencv_face_detector.pbtxt",
                sha256="b90431428717c3d82d31beeda5da193602970a17c117efda398472079865ce21",
                size=35120,
            ),
        ),
        licence="Apache-2.0",
        origin="OpenCV",
        # The tutorial swaps red and blue, so the means are in the order red, green, blue.
        input=ModelInput(height=300, width=300, order="RGB", mean=(104.0, 117.0, 123.0)),
        output="SSD rows: picture, class, score, left, top, right, bottom relative to picture size",
        labels=("background", "face"),
        recommended=True,
    ),
    ModelEntry(
        name="yolox-nano",
        task="object detection",
        runtime="onnxruntime",
        files=(
            ModelFile(
                name="yolox_nano.onnx",
                url=f"{_KAZUHITO}/yolox_nano.onnx",
                sha256="695e750a5d5754bb5a8d5325643b59282191a7e7a564e435a415fd3c578eab14",
                size=3660092,
            ),
        ),
        licence="Apache-2.0",
        origin="Megvii",
        input=ModelInput(height=416, width=416, order="BGR", batch=1),
        output="YOLOX rows at strides 8, 16, 32: x, y, w, h in units of the grids, objectness, classes",
        labels=COCO_80,
        head="yolox",
        accuracy="COCO AP 25.8 (Megvii)",
        recommended=True,
    ),
    ModelEntry(
        name="yolox-s",
        task="object detection",
        runtime="onnxruntime",
        files=(
            ModelFile(
                name="object_detection_yolox_2022nov.onnx",
                url=f"{_ZOO}/object_detection_yolox/object_detection_yolox_2022nov.onnx",
                sha256="c5c2d13e59ae883e6af3b45daea64af4833a4951c92d116ec270d9ddbe998063",
                size=35858002,
            ),
        ),
        licence="Apache-2.0",
        origin="Megvii, OpenCV Zoo",
        # The Zoo's own program gives it red first, unlike Megvii's.
        input=ModelInput(height=640, width=640, order="RGB", batch=1),
        output="YOLOX rows at strides 8, 16, 32: x, y, w, h in units of the grids, objectness, classes",
        labels=COCO_80,
        head="yolox",
        accuracy="COCO AP 40.5 (Megvii)",
    ),
    ModelEntry(
        name="nanodet-plus",
        task="object detection",
        runtime="onnxruntime",
        files=(
            ModelFile(
                name="object_detection_nanodet_2022nov.onnx",
                url=f"{_ZOO}/object_detection_nanodet/object_detection_nanodet_2022nov.onnx",
                sha256="4b82da9944b88577175ee23a459dce2e26e6e4be573def65b1055dc2d9720186",
                size=3800954,
            ),
        ),
        licence="Apache-2.0",
        origin="RangiLyu, OpenCV Zoo",
        # Each colour has a scale of its own, as the head knows: this is about the mean of the three.
        input=ModelInput(height=416, width=416, order="BGR", mean=(103.53, 116.28, 123.675), scale=1 / 57.63, batch=1),
        output="NanoDet's scores and distances in bins, at strides 8, 16, 32, 64",
        labels=COCO_80,
        head="nanodet",
        accuracy="COCO AP 34.1 (RangiLyu, NanoDet-Plus-m-1.5x)",
    ),
    ModelEntry(
        name="framewire-age-gender",
        task="age and gender",
        runtime="onnxruntime",
        files=(
            ModelFile(
                name="framewire_age_gender.onnx",
                url="",
                sha256="d84456db10b89d83b0dc34c9f919449265ee6976618184dd6b8aa0120393684b",
                size=2059437,
            ),
        ),
        licence="trained on UTKFace: for non-commercial research only, see models/weights/age_gender.md",
        origin="Framewire's own",
        input=ModelInput(height=64, width=64, order="BGR"),
        output="years; probabilities of male and female",
        heads=(
            Head(attribute="age", labels=LEVI_HASSNER_AGES, output="years", kind="age"),
            Head(attribute="gender", labels=("male", "female"), output="gender"),
        ),
        crop=UTKFACE_CROP,
        trained_on="framewire_age_gender.trained.npy",
        accuracy="UTKFace, held out: age error 4.1 years, gender 90.6%, from 13 years 96.5%",
    ),
    ModelEntry(
        name="framewire-emotion",
        task="emotion",
        runtime="onnxruntime",
        files=(
            ModelFile(
                name="framewire_emotion.onnx",
                url="",
                sha256="4c9f27aeb6c8b6159b9e9099f522d52d0fd81e54e54883214e5ca3daa7c7f075",
                size=1183964,
            ),
        ),
        licence="trained on FER2013: for research, see models/weights/emotion.md",
        origin="Framewire's own",
        input=ModelInput(height=48, width=48, order="grey"),
        output="a probability for each",
        labels=("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral"),
        crop=FER_CROP,
        accuracy="FER2013, PublicTest: 68.8%",
    ),
    ModelEntry(
        name="levi-hassner-age",
        task="age",
        runtime="cv2.dnn",
        files=(
            ModelFile(name="age_net.caffemodel", url=f"{_LEVI}/models/age_net.caffemodel"),
            ModelFile(name="age_deploy.prototxt", url=f"{_LEARN}/age_deploy.prototxt"),
        ),
        licence="for research, see the authors' page",
        origin="Gil Levi and Tal Hassner, 2015",
        input=_LEVI_HASSNER_INPUT,
        output="a probability for each range",
        labels=LEVI_HASSNER_AGES,
        accuracy="Adience: 50.7 % exact, 84.7 % within one range (Levi and Hassner, 2015)",
    ),
    ModelEntry(
        name="levi-hassner-gender",
        task="gender",
        runtime="cv2.dnn",
        files=(
            ModelFile(
                name="gender_net.caffemodel",
                url=f"{_LEVI}/models/gender_net.caffemodel",
                sha256="ac7571b281ae078817764b645a20541bd6aa1babeac20a45e6d8de7d61ba0e50",
                size=45649168,
            ),
            ModelFile(name="gender_deploy.prototxt", url=f"{_LEARN}/gender_deploy.prototxt"),
        ),
        licence="for research, see the authors' page",
        origin="Gil Levi and Tal Hassner, 2015",
        input=_LEVI_HASSNER_INPUT,
        output="a probability for each",
        labels=("Male", "Female"),
        accuracy="Adience: 86.8 % (Levi and Hassner, 2015)",
    ),
    ModelEntry(
        name="gender-googlenet",
        task="gender",
        runtime="onnxruntime",
        files=(
            ModelFile(
                name="gender_googlenet.onnx",
                url=f"{_ONNX}/age_gender/models/gender_googlenet.onnx",
                sha256="af24a4eaa9eaf70913cc9a337a0387c86f11549cbd9bbc16bffeefcdcf88cbf4",
                size=23935566,
            ),
        ),
        licence="Apache-2.0",
        origin="ONNX Model Zoo, Levi-Hassner and Rothe family",
        input=_GOOGLENET_INPUT,
        output="a probability for each",
        labels=("Male", "Female"),
    ),
    ModelEntry(
        name="age-googlenet",
        task="age",
        runtime="onnxruntime",
        files=(
            ModelFile(
                name="age_googlenet.onnx",
                url=f"{_ONNX}/age_gender/models/age_googlenet.onnx",
                sha256="fa2a3228e425056aa2b080b3afd3cf607327c86616e952602ed67b5fc16ab356",
                size=23960165,
            ),
        ),
        licence="Apache-2.0",
        origin="ONNX Model Zoo, Levi-Hassner and Rothe family",
        input=_GOOGLENET_INPUT,
        output="a probability for each range",
        labels=LEVI_HASSNER_AGES,
    ),
    ModelEntry(
        name="emotion-ferplus",
        task="emotion",
        runtime="onnxruntime",
        files=(ModelFile(name="emotion-ferplus-8.onnx", url=f"{_ONNX}/emotion_ferplus/model/emotion-ferplus-8.onnx"),),
        licence="MIT",
        origin="Microsoft, ONNX Model Zoo",
        input=ModelInput(height=64, width=64, order="grey", mean=(0.0,), batch=1),
        output="a score for each, before softmax",
        labels=("neutral", "happiness", "surprise", "sadness", "anger", "disgust", "fear", "contempt"),
    ),
    ModelEntry(
        name="emotion-mobilefacenet",
        task="emotion",
        runtime="onnxruntime",
        files=(
            ModelFile(
                name="facial_expression_recognition_mobilefacenet_2022july.onnx",
                url=f"{_ZOO}/facial_expression_recognition/facial_expression_recognition_mobilefacenet_2022july.onnx",
                sha256="4f61307602fc089ce20488a31d4e4614e3c9753a7d6c41578c854858b183e1a9",
                size=4791892,
            ),
        ),
        licence="Apache-2.0",
        origin="OpenCV Zoo",
        input=ModelInput(height=112, width=112, order="RGB", mean=(127.5, 127.5, 127.5), scale=1 / 127.5, batch=1),
        output="a score for each, before softmax; the face aligned by its landmarks",
        labels=("angry", "disgust", "fearful", "happy", "neutral", "sad", "surprised"),
        crop=AlignedCrop(),
    ),
)


class UnknownModelError(CannotLoadError):
    """The catalogue has no model of that name."""


def find_entry(name: str) -> ModelEntry:
    """The model of that name. Raises UnknownModelError."""
    for entry in CATALOGUE:
        if entry.name == name:
            return entry
    raise UnknownModelError(f"unknown model {name!r}; choose from {', '.join(entry.name for entry in CATALOGUE)}")
