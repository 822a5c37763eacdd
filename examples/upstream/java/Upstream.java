import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.nio.charset.StandardCharsets;
import java.security.SecureRandom;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Properties;
import java.util.UUID;
import java.util.concurrent.ExecutionException;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.errors.TopicExistsException;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

/**
 * An upstream service with Apache Kafka's own client: publishes one batch of requests to an ingress topic, and takes the
 * answers on a topic of its own. See docs/upstream.md.
 *
 * <p>Arguments: ingress topic, reply topic, model, questions. One line of JSON is printed for each answer; the exit status
 * is the number of those that failed.
 */
public class Upstream {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final SecureRandom RANDOM = new SecureRandom();
    private static final Duration PATIENCE = Duration.ofSeconds(120);

    public static void main(String[] args) throws Exception {
        String topic = args[0], replies = args[1], model = args[2];
        List<String> questions = List.of(args).subList(3, args.length);
        Properties settings = new Properties();
        settings.put("bootstrap.servers", System.getenv("KAFKA_BOOTSTRAP_SERVERS"));
        settings.put("acks", "all");
        settings.put("group.id", "upstream-example-java");
        settings.put("auto.offset.reset", "earliest");
        settings.put("enable.auto.commit", "false");
        makeTopic(settings, replies);

        Map<String, String> asked = new HashMap<>();
        ObjectNode batch = JSON.createObjectNode();
        batch.put("reply_topic", replies);
        for (String question : questions) {
            String id = uuid7().toString();
            asked.put(id, question);
            ObjectNode request = batch.withArray("requests").addObject();
            request.put("inference_id", id);
            request.put("request_model", model);
            ObjectNode message = request.putObject("input").putArray("messages").addObject();
            message.put("role", "user").put("content", question);
        }
        try (var producer = new KafkaProducer<>(settings, new StringSerializer(), new StringSerializer())) {
            var record = new ProducerRecord<String, String>(topic, JSON.writeValueAsString(batch));
            record.headers().add("ce_type", "tallygate.inference.batch.requested.v1".getBytes(StandardCharsets.UTF_8));
            producer.send(record).get();
        }
        System.exit(answers(settings, replies, asked));
    }

    /** A reply may come twice: the first one counts. */
    private static int answers(Properties settings, String replies, Map<String, String> asked) throws Exception {
        int failed = 0;
        long until = System.nanoTime() + PATIENCE.toNanos();
        try (var consumer = new KafkaConsumer<>(settings, new StringDeserializer(), new StringDeserializer())) {
            consumer.subscribe(List.of(replies));
            while (!asked.isEmpty() && System.nanoTime() < until) {
                for (ConsumerRecord<String, String> record : consumer.poll(Duration.ofSeconds(1))) {
                    JsonNode reply = JSON.readTree(record.value());
                    String id = reply.get("inference_id").asText();
                    if (asked.remove(id) == null) {
                        continue; // told before, or asked by an earlier run
                    }
                    ObjectNode told = JSON.createObjectNode().put("inference_id", id);
                    if (kind(record).equals("tallygate.reply.completed.v1")) {
                        told.put("answer", reply.at("/body/choices/0/message/content").asText());
                    } else {
                        failed++;
                        told.set("error", reply.get("error"));
                    }
                    System.out.println(JSON.writeValueAsString(told));
                }
                consumer.commitSync();
            }
        }
        return failed + asked.size();
    }

    private static String kind(ConsumerRecord<String, String> record) {
        return Optional.ofNullable(record.headers().lastHeader("ce_type"))
                .map(header -> new String(header.value(), StandardCharsets.UTF_8))
                .orElse("");
    }

    /** The reply topic is its reader's: Tallygate makes none. */
    private static void makeTopic(Properties settings, String name) throws Exception {
        try (Admin admin = Admin.create(settings)) {
            admin.createTopics(List.of(new NewTopic(name, Optional.of(1), Optional.empty()))).all().get();
        } catch (ExecutionException error) {
            if (!(error.getCause() instanceof TopicExistsException)) {
                throw error;
            }
        }
    }

    /** A time-ordered id, as RFC 9562 has it. */
    private static UUID uuid7() {
        long high = System.currentTimeMillis() << 16 | 0x7000 | RANDOM.nextInt(0x1000);
        return new UUID(high, 0x8000000000000000L | RANDOM.nextLong() >>> 2);
    }
}
