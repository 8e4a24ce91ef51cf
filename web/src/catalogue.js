// The models that the server offers.

const CATALOGUE = "models.json";

/**
 * Read the list of models.
 *
 * @returns {{models: object[], clip: string|null, saves: boolean}} each model with its `contract` (model.json of its
 *   bundle), the `url` of its file, and `pictures`: {url, boxes} of each test picture; the `clip`'s address; and
 *   whether the server takes timings
 */
export async function loadCatalogue() {
  const answer = await fetch(CATALOGUE);
  if (!answer.ok) throw new Error(`the server gives no ${CATALOGUE} (${answer.status}): serve this page with web.py`);
  const { folders, clip, saves } = await answer.json();
  const models = folders.map(({ folder, contract, pictures }) => ({
    contract,
    file: contract.file,
    format: contract.format,
    sha256: contract.sha256,
    url: folder + encodeURIComponent(contract.file),
    pictures: contract.test_pictures.map(({ file, boxes }) => ({ url: pictures[file], boxes })),
  }));
  return { models, clip, saves };
}

/** How `decode` has to read a model's output. */
export function decoding({ output, letterbox, threshold, labels }) {
  const fractions = output.box_units === "fractions";
  return {
    endToEnd: output.suppressed,
    anchors: output.columns_first ? output.shape[2] : output.shape[1],
    classes: labels.length,
    scale: fractions ? [letterbox.width, letterbox.height] : [1, 1],
    iou: threshold.iou,
    limit: output.max_boxes,
  };
}
