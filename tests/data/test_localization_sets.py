"""Public sets of manipulated pictures through one adapter."""

import cv2
import numpy as np
import pytest
from skimage import data

from underdrawing.core.errors import PictureError, UsageError
from underdrawing.data.localization_sets import left_out, read_public
from underdrawing.data.manipulated_set import IGNORED

PICTURE = data.coffee()[:60, :80]
CASIA1 = "casia1/tampered/Sp_D_CNN_A_art0024_ani0032_0268"


def write(folder, file, image=PICTURE):
    path = folder / file
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), image[..., ::-1] if image.ndim == 3 else image)


@pytest.fixture
def folder(tmp_path):
    mask = np.zeros((60, 80), np.uint8)
    mask[10:20, 30:50], mask[20] = 255, 128
    for name in (
        CASIA1, "casia2/tampered/Tp_D_CRN_S_N_ani10024_sec00098_11615",
        "casia2/tampered/Tp_D_NRN_S_N_ani00032_ani00021_00144",
    ):  # fmt: skip
        write(tmp_path, f"{name}.png")
        write(tmp_path, f"{name.replace('tampered', 'mask')}.png", mask)
    for number in ("00024", "00099"):
        write(tmp_path, f"casia2/authentic/Au_art_{number}.png")
    write(tmp_path, "inpaint_anything/remove_dog_edited.png")
    write(tmp_path, "inpaint_anything/remove_dog_original.png")
    write(tmp_path, "inpaint_anything/remove_dog_mask.png", mask)
    return tmp_path


def test_masks_become_labels_and_authentic_pictures_are_marked(folder):
    (picture,) = read_public(folder, "casia1")
    assert (picture.set, picture.file, picture.authentic) == ("casia1", f"{CASIA1}.png", False)
    assert np.array_equal(picture.image, PICTURE)  # RGB
    assert (picture.labels[10:20, 30:50] == 1).all() and (picture.labels[20] == IGNORED).all()
    assert (picture.labels == 1).sum() == 200 and (picture.labels[30:] == 0).all()
    edited, original = read_public(folder, "inpaint_anything")
    assert (edited.authentic, original.authentic) == (False, True)
    assert (edited.labels == 1).sum() == 200 and not original.labels.any()


def test_pictures_of_casia_2_that_share_a_photograph_with_version_1_are_left_out(folder):
    assert left_out(folder, "casia2") == [
        "casia2/tampered/Tp_D_NRN_S_N_ani00032_ani00021_00144.png",
        "casia2/authentic/Au_art_00024.png",
    ]
    assert [picture.file.rpartition("/")[2] for picture in read_public(folder, "casia2")] == [
        "Tp_D_CRN_S_N_ani10024_sec00098_11615.png",
        "Au_art_00099.png",
    ]
    assert left_out(folder, "casia1") == []


def test_what_is_wrong_is_named(folder):
    with pytest.raises(UsageError, match="no public set is called 'nist'; there are: casia1"):
        read_public(folder, "nist")
    with pytest.raises(UsageError, match="no such folder"):
        read_public(folder, "columbia")
    write(folder, f"{CASIA1.replace('tampered', 'mask')}.png", np.zeros((60, 70), np.uint8))
    with pytest.raises(PictureError, match=r"differ in size \(80 x 60 and 70 x 60 px\)"):
        read_public(folder, "casia1")
    (folder / f"{CASIA1.replace('tampered', 'mask')}.png").unlink()
    with pytest.raises(PictureError, match="missing or not a picture"):
        read_public(folder, "casia1")
