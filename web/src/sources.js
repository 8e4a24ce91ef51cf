// What a detector looks at: a picture, a clip or the camera. `frame()` gives an ImageBitmap, or null while there is none.

const EXACT = { colorSpaceConversion: "none", premultiplyAlpha: "none" };

/** A picture, which stays as it is: `still`. */
export class Picture {
  still = true;
  mirrored = false;

  static async open(url) {
    const answer = await fetch(url);
    if (!answer.ok) throw new Error(`the server does not give ${url} (${answer.status})`);
    const picture = new Picture();
    picture.bitmap = await createImageBitmap(await answer.blob(), EXACT);
    return picture;
  }

  frame() {
    return createImageBitmap(this.bitmap);
  }

  close() {
    this.bitmap.close();
  }
}

class Moving {
  still = false;

  constructor(video, mirrored) {
    this.video = video;
    this.mirrored = mirrored;
  }

  async frame() {
    return this.video.readyState >= HTMLMediaElement.HAVE_CURRENT_DATA ? createImageBitmap(this.video) : null;
  }

  async start() {
    Object.assign(this.video, { muted: true, playsInline: true });
    await this.video.play();
    return this;
  }
}

/** A video file, again and again. */
export class Clip extends Moving {
  static async open(url) {
    const video = document.createElement("video");
    Object.assign(video, { src: url, loop: true });
    return new Clip(video, false).start();
  }

  close() {
    this.video.pause();
    this.video.removeAttribute("src");
    this.video.load();
  }
}

/** The camera; the one on the side of the screen is shown as in a mirror. */
export class Camera extends Moving {
  static async open() {
    if (!navigator.mediaDevices)
      throw new Error("browsers give the camera only to pages from this device (localhost) or over HTTPS: see docs/web.md");
    const asked = { audio: false, video: { facingMode: "user", width: { ideal: 640 }, height: { ideal: 480 } } };
    const stream = await navigator.mediaDevices.getUserMedia(asked).catch((error) => {
      throw new Error(`the browser gives no camera (${error.message}): allow it for this page, or connect one`);
    });
    const video = document.createElement("video");
    video.srcObject = stream;
    const facing = stream.getVideoTracks()[0].getSettings().facingMode;
    return new Camera(video, facing !== "environment").start();
  }

  close() {
    for (const track of this.video.srcObject.getTracks()) track.stop();
    this.video.srcObject = null;
  }
}
