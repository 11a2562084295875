"""The scenes of the committed stills, by file name (without `.jpg`)."""

from __future__ import annotations

from endolink.sample_data.scene import Camera, Inset, Polyp, Scene, Text

# Invented, like every name the phantom writes.
_PATIENT = ("PHANTOM, ADA", "ID: 000-PHANTOM", "01/02/2030  09:41:07", "SCOPE EL-290 PH")
_SHORT = ("02/03/2030", "10:15:32", "EL-290 PH")

STILLS: dict[str, Scene] = {
    "clean-octagon": Scene(seed=1),
    "clean-circle": Scene(
        seed=2, mask="circle", tint="orange", width=600, height=512, camera=Camera(pitch=15, yaw=-8)
    ),
    "clean-rectangle": Scene(
        seed=3, mask="rectangle", width=640, height=480, camera=Camera(yaw=12, offset=(0.1, 0.0))
    ),
    "clean-rounded-1080p-centre": Scene(
        seed=4,
        mask="rounded",
        width=1920,
        height=1080,
        view=(420, 40, 1500, 1040),
        camera=Camera(yaw=-14, pitch=8),
    ),
    "clean-wall": Scene(seed=16, tint="dusky", camera=Camera(yaw=30, offset=(0.3, 0.0))),
    "polyp-sessile": Scene(
        seed=3, camera=Camera(pitch=40, yaw=12), polyp=Polyp(angle=70, depth=0.75, size=0.75)
    ),
    "polyp-pedunculated": Scene(
        seed=4,
        tint="pale",
        camera=Camera(yaw=-38, pitch=14),
        polyp=Polyp("pedunculated", angle=195, depth=0.85, size=0.6),
    ),
    "polyp-small": Scene(seed=21, tint="orange", polyp=Polyp(angle=120, depth=0.75, size=0.28)),
    "polyp-residue": Scene(seed=22, soiling="residue", polyp=Polyp(angle=10, depth=0.8, size=0.5)),
    "polyp-inset-green": Scene(
        seed=23,
        camera=Camera(yaw=22, pitch=-36),
        polyp=Polyp(angle=300, depth=0.8, size=0.75),
        insets=(Inset("bottom-left", (24, 110, 52), (190, 150)),),
    ),
    "polyp-inset-blue-top-right": Scene(
        seed=24,
        mask="rounded",
        tint="pale",
        camera=Camera(yaw=-30, pitch=8),
        polyp=Polyp("pedunculated", angle=170, depth=0.85, size=0.6),
        insets=(Inset("top-right", (26, 44, 120), (150, 120), 6),),
    ),
    "polyp-1080p-left-text": Scene(
        seed=25,
        width=1920,
        height=1080,
        view=(60, 40, 1160, 1040),
        camera=Camera(yaw=34, pitch=26),
        polyp=Polyp(angle=40, depth=0.8, size=0.7),
        texts=(Text(_PATIENT, at=(1260, 120), size=34),),
    ),
    "cecum": Scene(seed=5, site="cecum", camera=Camera(travel=0.3)),
    "cecum-text-over-view": Scene(
        seed=6,
        site="cecum",
        tint="orange",
        camera=Camera(travel=0.45, yaw=8),
        texts=(Text(_SHORT, at=(12, 190), size=15),),
    ),
    "cecum-polyp": Scene(
        seed=26,
        site="cecum",
        camera=Camera(travel=0.2),
        polyp=Polyp(angle=160, depth=1.2, size=0.45),
    ),
    "stool-residue": Scene(seed=9, soiling="residue", liquid=0.25),
    "stool-poor": Scene(seed=7, soiling="poor", liquid=0.35),
    "stool-poor-inset-black": Scene(
        seed=27,
        soiling="poor",
        tint="pale",
        insets=(Inset("bottom-left", (0, 0, 0), (200, 150)),),
    ),
    "impacted": Scene(seed=8, soiling="impacted"),
    "bleeding": Scene(seed=10, blood=0.5),
    "foam": Scene(seed=14, bubbles=150, liquid=0.4, soiling="residue"),
    "dark": Scene(seed=28, gain=0.04),
    "blurred": Scene(seed=29, blur=6.0, smear=20.0),
    "over-exposed": Scene(seed=30, gain=9.0),
    "out-of-body": Scene(seed=15, site="out-of-body"),
    "capsule-clean": Scene(
        seed=12,
        site="capsule",
        mask="circle",
        width=320,
        height=320,
        camera=Camera(pitch=20, offset=(0.0, 0.2)),
    ),
    "capsule-bleeding": Scene(
        seed=13, site="capsule", mask="circle", width=320, height=320, blood=0.55
    ),
    "polyp-low-quality-jpeg": Scene(
        seed=31,
        camera=Camera(pitch=42, yaw=-12),
        polyp=Polyp(angle=110, depth=0.75, size=0.7),
        jpeg_quality=25,
    ),
}
