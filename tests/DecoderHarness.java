import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.File;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.Reader;
import java.nio.file.Files;
import java.util.Properties;

/** Runs Decoder on what tests/test_bundle_decoders.py left in each folder, and leaves what it computes there. */
public final class DecoderHarness {
    public static void main(String[] folders) throws IOException {
        for (String folder : folders) {
            run(new File(folder));
        }
    }

    private static void run(File folder) throws IOException {
        Properties said = new Properties();
        try (Reader reader = Files.newBufferedReader(new File(folder, "case.properties").toPath())) {
            said.load(reader);
        }
        Decoder decoder = new Decoder(contract(said));
        int width = number(said, "picture_width"), height = number(said, "picture_height");
        float[] input = new float[3 * number(said, "width") * number(said, "height")];
        Decoder.Geometry geometry = decoder.letterbox(pixels(new File(folder, "pixels.bin")), width, height, input);
        write(new File(folder, "input.bin"), input);
        if (said.containsKey("scale")) {
            float scale = Float.parseFloat(said.getProperty("scale"));
            int zeroPoint = number(said, "zero_point");
            boolean isSigned = flag(said, "signed");
            byte[] stored = Decoder.quantize(input, scale, zeroPoint, isSigned);
            Files.write(new File(folder, "stored.bin").toPath(), stored);
            write(new File(folder, "meant.bin"), Decoder.dequantize(stored, scale, zeroPoint, isSigned));
        }
        float[] output = new float[number(said, "columns") * number(said, "boxes")];
        try (DataInputStream stream = open(new File(folder, "output.bin"))) {
            for (int i = 0; i < output.length; i++) {
                output[i] = stream.readFloat();
            }
        }
        try (PrintWriter writer = new PrintWriter(new File(folder, "boxes.txt"))) {
            for (Decoder.Box box : decoder.decode(output, geometry)) {
                writer.println(box.x1 + " " + box.y1 + " " + box.x2 + " " + box.y2 + " " + box.score + " " + box.label);
            }
        }
    }

    private static Decoder.Contract contract(Properties said) {
        Decoder.Contract contract = new Decoder.Contract();
        contract.width = number(said, "width");
        contract.height = number(said, "height");
        contract.padValue = number(said, "pad_value");
        contract.channelsLast = flag(said, "channels_last");
        contract.columns = number(said, "columns");
        contract.boxes = number(said, "boxes");
        contract.columnsFirst = flag(said, "columns_first");
        contract.suppressed = flag(said, "suppressed");
        contract.fractions = flag(said, "fractions");
        contract.maxBoxes = number(said, "max_boxes");
        contract.score = Float.parseFloat(said.getProperty("score"));
        contract.iou = Float.parseFloat(said.getProperty("iou"));
        return contract;
    }

    private static int[] pixels(File file) throws IOException {
        int[] found = new int[(int) (file.length() / 4)];
        try (DataInputStream stream = open(file)) {
            for (int i = 0; i < found.length; i++) {
                found[i] = stream.readInt();
            }
        }
        return found;
    }

    private static DataInputStream open(File file) throws IOException {
        return new DataInputStream(new java.io.BufferedInputStream(Files.newInputStream(file.toPath())));
    }

    private static void write(File file, float[] values) throws IOException {
        try (DataOutputStream stream =
                new DataOutputStream(new java.io.BufferedOutputStream(Files.newOutputStream(file.toPath())))) {
            for (float value : values) {
                stream.writeFloat(value);
            }
        }
    }

    private static int number(Properties said, String key) {
        return Integer.parseInt(said.getProperty(key));
    }

    private static boolean flag(Properties said, String key) {
        return Boolean.parseBoolean(said.getProperty(key));
    }
}
