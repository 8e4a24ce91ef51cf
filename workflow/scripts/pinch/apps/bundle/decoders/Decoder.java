import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Reference decoder of a bundle: from a picture to the model's input, and from its output to boxes.
 *
 * <p>Plain Java 8 without Android's classes, usable from Kotlin. It keeps no state between calls, so threads may share
 * one. Put it into a package of your own.
 */
public final class Decoder {
    /** What model.json says, under the names that it has there. */
    public static final class Contract {
        /** letterbox.width and letterbox.height: of the input, in pixels. */
        public int width, height;
        /** letterbox.pad_value: grey of the bars, 0 to 255. */
        public int padValue = 114;
        /** Whether input.layout is "NHWC". */
        public boolean channelsLast;
        /** Length of output.columns, and how many boxes output.shape has. */
        public int columns, boxes;
        /** output.columns_first, output.suppressed, and whether output.box_units is "fractions". */
        public boolean columnsFirst, suppressed, fractions;
        /** output.max_boxes. */
        public int maxBoxes = 300;
        /** threshold.score and threshold.iou. */
        public float score, iou;
    }

    /** Where the picture lies in the input: input = picture * gain + (left, top). Sizes are the picture's. */
    public static final class Geometry {
        public final double gainX, gainY;
        public final int left, top, width, height;

        Geometry(double gainX, double gainY, int left, int top, int width, int height) {
            this.gainX = gainX;
            this.gainY = gainY;
            this.left = left;
            this.top = top;
            this.width = width;
            this.height = height;
        }
    }

    /** A box in pixels of the picture; label is its place in labels.txt, from 0. */
    public static final class Box {
        public final float x1, y1, x2, y2, score;
        public final int label;

        Box(float x1, float y1, float x2, float y2, float score, int label) {
            this.x1 = x1;
            this.y1 = y1;
            this.x2 = x2;
            this.y2 = y2;
            this.score = score;
            this.label = label;
        }

        private float overlap(Box other) {
            float across = Math.min(x2, other.x2) - Math.max(x1, other.x1);
            float down = Math.min(y2, other.y2) - Math.max(y1, other.y1);
            return Math.max(across, 0) * Math.max(down, 0);
        }

        private float area() {
            return (x2 - x1) * (y2 - y1);
        }
    }

    private final Contract contract;

    public Decoder(Contract contract) {
        this.contract = contract;
    }

    /**
     * Writes the input of a picture.
     *
     * @param pixels of the picture, row by row, 0xAARRGGBB, as Bitmap.getPixels gives them
     * @param width of the picture
     * @param height of the picture
     * @param input 3 * width * height of the input, in its layout, 0 to 1; all of it is written
     * @return where the picture lies in it, for {@link #decode}
     */
    public Geometry letterbox(int[] pixels, int width, int height, float[] input) {
        double gain = Math.min((double) contract.height / height, (double) contract.width / width);
        int columns = Math.max((int) Math.rint(width * gain), 1);
        int rows = Math.max((int) Math.rint(height * gain), 1);
        int left = (int) Math.rint((contract.width - columns) / 2.0 - 0.1);
        int top = (int) Math.rint((contract.height - rows) / 2.0 - 0.1);
        Arrays.fill(input, contract.padValue / 255f);
        int[] before = new int[columns], after = new int[columns], across = new int[columns];
        int[] above = new int[rows], below = new int[rows], down = new int[rows];
        neighbours(width, before, after, across);
        neighbours(height, above, below, down);
        int stepOfPixel = contract.channelsLast ? 3 : 1;
        int stepOfChannel = contract.channelsLast ? 1 : contract.width * contract.height;
        for (int y = 0; y < rows; y++) {
            int upper = above[y] * width, lower = below[y] * width;
            for (int x = 0; x < columns; x++) {
                int a = pixels[upper + before[x]], b = pixels[upper + after[x]];
                int c = pixels[lower + before[x]], d = pixels[lower + after[x]];
                int target = ((top + y) * contract.width + left + x) * stepOfPixel;
                for (int shift = 16; shift >= 0; shift -= 8) {
                    int first = mixed(a >> shift & 255, b >> shift & 255, across[x]) >> 4;
                    int second = mixed(c >> shift & 255, d >> shift & 255, across[x]) >> 4;
                    int value = (first * (2048 - down[y]) >> 16) + (second * down[y] >> 16) + 2 >> 2;
                    input[target] = value / 255f;
                    target += stepOfChannel;
                }
            }
        }
        return new Geometry((double) columns / width, (double) rows / height, left, top, width, height);
    }

    /** Of `size` pixels the two that each result lies between, and the second's share of 2048, as in OpenCV. */
    private static void neighbours(int size, int[] first, int[] second, int[] share) {
        for (int i = 0; i < share.length; i++) {
            float at = (float) ((i + 0.5) * ((double) size / share.length) - 0.5);
            int low = (int) Math.floor(at);
            first[i] = Math.min(Math.max(low, 0), size - 1);
            second[i] = Math.min(Math.max(low + 1, 0), size - 1);
            share[i] = (int) Math.rint((at - low) * 2048);
        }
    }

    private static int mixed(int first, int second, int shareOfSecond) {
        return first * (2048 - shareOfSecond) + second * shareOfSecond;
    }

    /**
     * Finds the boxes in an output.
     *
     * @param output all its numbers in their order
     * @param geometry what {@link #letterbox} returned with the input
     * @return the boxes, best first
     */
    public List<Box> decode(float[] output, Geometry geometry) {
        List<Box> candidates = new ArrayList<>();
        for (int i = 0; i < contract.boxes; i++) {
            Box box = contract.suppressed ? finished(output, i) : best(output, i);
            if (box.score > contract.score) {
                candidates.add(box);
            }
        }
        if (!contract.suppressed) {
            candidates = suppressed(candidates);
        }
        List<Box> found = new ArrayList<>();
        for (Box box : candidates.subList(0, Math.min(candidates.size(), contract.maxBoxes))) {
            found.add(inPicture(box, geometry));
        }
        return found;
    }

    private float value(float[] output, int box, int column) {
        return output[contract.columnsFirst ? column * contract.boxes + box : box * contract.columns + column];
    }

    private Box finished(float[] output, int i) {
        return new Box(
                value(output, i, 0), value(output, i, 1), value(output, i, 2), value(output, i, 3),
                value(output, i, 4), (int) value(output, i, 5));
    }

    /** A box with the class that has the highest score, and with corners instead of a centre. */
    private Box best(float[] output, int i) {
        int label = 0;
        for (int column = 5; column < contract.columns; column++) {
            if (value(output, i, column) > value(output, i, 4 + label)) {
                label = column - 4;
            }
        }
        float x = value(output, i, 0), y = value(output, i, 1);
        float across = value(output, i, 2) / 2, down = value(output, i, 3) / 2;
        return new Box(x - across, y - down, x + across, y + down, value(output, i, 4 + label), label);
    }

    /** The boxes, best first, without those that overlap a better one of their class. */
    private List<Box> suppressed(List<Box> boxes) {
        boxes.sort((one, other) -> Float.compare(other.score, one.score));
        List<Box> kept = new ArrayList<>();
        for (Box box : boxes) {
            boolean isNew = true;
            for (Box better : kept) {
                float common = box.overlap(better);
                boolean isSame = common > contract.iou * (box.area() + better.area() - common);
                isNew &= !(isSame && box.label == better.label);
            }
            if (isNew) {
                kept.add(box);
            }
        }
        return kept;
    }

    private Box inPicture(Box box, Geometry g) {
        float unitX = contract.fractions ? contract.width : 1, unitY = contract.fractions ? contract.height : 1;
        return new Box(
                within((box.x1 * unitX - g.left) / g.gainX, g.width),
                within((box.y1 * unitY - g.top) / g.gainY, g.height),
                within((box.x2 * unitX - g.left) / g.gainX, g.width),
                within((box.y2 * unitY - g.top) / g.gainY, g.height),
                box.score,
                box.label);
    }

    private static float within(double value, int limit) {
        return (float) Math.min(Math.max(value, 0), limit);
    }

    /**
     * Numbers for an integer input (input.dtype "int8" or "uint8"), by input.scale and input.zero_point.
     *
     * @param isSigned whether the type is "int8"
     */
    public static byte[] quantize(float[] values, float scale, int zeroPoint, boolean isSigned) {
        byte[] stored = new byte[values.length];
        int least = isSigned ? -128 : 0;
        for (int i = 0; i < values.length; i++) {
            stored[i] = (byte) Math.min(Math.max((int) Math.rint(values[i] / scale) + zeroPoint, least), least + 255);
        }
        return stored;
    }

    /** The numbers that an integer output means, by output.scale and output.zero_point. */
    public static float[] dequantize(byte[] stored, float scale, int zeroPoint, boolean isSigned) {
        float[] values = new float[stored.length];
        for (int i = 0; i < stored.length; i++) {
            values[i] = ((isSigned ? stored[i] : stored[i] & 255) - zeroPoint) * scale;
        }
        return values;
    }
}
