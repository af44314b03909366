// A client of Kafka's own library: what it does is told by the name of a scene, how often by numbers.
// It prints one line of JSON, with what it counted and how long it waited.
//
// Compiles and runs with every release of the library since 1.0.

import java.lang.reflect.Method;
import java.util.*;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.admin.AdminClient;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.*;
import org.apache.kafka.clients.producer.*;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.*;

public class Talk {
  static String broker;
  static final StringBuilder out = new StringBuilder();

  public static void main(String[] args) throws Exception {
    broker = args[0];
    for (int i = 1; i < args.length; i++) {
      String[] scene = args[i].split(":");
      int count = scene.length > 1 ? Integer.parseInt(scene[1]) : 1;
      switch (scene[0]) {
        case "topics": topics(); break;
        case "send": send(count, "all", "sender"); break;
        case "sendUnanswered": send(count, "0", "careless"); break;
        case "sendBatch": sendBatch(count); break;
        case "sendTooLarge": sendTooLarge(); break;
        case "sendNowhere": sendNowhere(); break;
        case "transact": transact(count); break;
        case "poll": poll(count); break;
        case "idle": idle(count); break;
        default: throw new IllegalArgumentException(args[i]);
      }
    }
    System.out.println("{" + out.substring(1) + "}");
  }

  static void tell(String key, Object value) {
    out.append(",\"").append(key).append("\":").append(value);
  }

  static Properties properties(Object... more) {
    Properties all = new Properties();
    all.put("bootstrap.servers", broker);
    for (int i = 0; i < more.length; i += 2) all.put(more[i], more[i + 1]);
    return all;
  }

  static KafkaProducer<byte[], byte[]> producer(Object... more) {
    ByteArraySerializer bytes = new ByteArraySerializer();
    return new KafkaProducer<>(properties(more), bytes, bytes);
  }

  static KafkaConsumer<byte[], byte[]> consumer(Object... more) {
    ByteArrayDeserializer bytes = new ByteArrayDeserializer();
    return new KafkaConsumer<>(properties(more), bytes, bytes);
  }

  static ProducerRecord<byte[], byte[]> record(String topic, Integer partition, int bytes) {
    return new ProducerRecord<>(topic, partition, null, new byte[bytes]);
  }

  static void topics() throws Exception {
    try (AdminClient admin = AdminClient.create(properties("client.id", "admin"))) {
      NewTopic small = new NewTopic("small", 1, (short) 1);
      small.configs(Collections.singletonMap("max.message.bytes", "1000"));
      for (NewTopic topic : Arrays.asList(
          new NewTopic("orders", 1, (short) 1), new NewTopic("payments", 3, (short) 1), small)) {
        admin.createTopics(Collections.singleton(topic)).all().get();
      }
      tell("topics", 3);
    }
  }

  // One request for each, and what each took in nanoseconds.
  static void send(int count, String acks, String client) throws Exception {
    long[] took = new long[count];
    try (KafkaProducer<byte[], byte[]> to = producer(
        "client.id", client, "acks", acks, "linger.ms", 0, "enable.idempotence", false)) {
      to.partitionsFor("orders");
      for (int i = 0; i < count; i++) {
        long from = System.nanoTime();
        to.send(record("orders", 0, 100 + i * 50)).get();
        took[i] = System.nanoTime() - from;
      }
    }
    tell(client, Arrays.toString(took));
  }

  static void sendBatch(int count) throws Exception {
    try (KafkaProducer<byte[], byte[]> to = producer(
        "client.id", "batcher", "acks", "all", "linger.ms", 200)) {
      to.partitionsFor("payments");
      to.partitionsFor("orders");
      for (int i = 0; i < count; i++) {
        to.send(record("payments", i % 3, 1000));
        to.send(record("orders", 0, 10));
      }
      to.flush();
    }
    tell("batched", 2 * count);
  }

  static void sendTooLarge() {
    try (KafkaProducer<byte[], byte[]> to = producer(
        "client.id", "boaster", "acks", "1", "retries", 0, "enable.idempotence", false)) {
      to.send(record("small", 0, 5000)).get();
    } catch (ExecutionException | InterruptedException error) {
      tell("tooLarge", "\"" + error.getCause().getClass().getSimpleName() + "\"");
    }
  }

  static void sendNowhere() throws Exception {
    try (KafkaProducer<byte[], byte[]> to = producer("client.id", "lost", "max.block.ms", 500)) {
      to.send(record("nowhere", null, 10)).get();
    } catch (Exception error) {
      tell("nowhere", "\"" + error.getClass().getSimpleName() + "\"");
    }
  }

  static void transact(int count) {
    try (KafkaProducer<byte[], byte[]> to = producer(
        "client.id", "banker", "transactional.id", "bank", "linger.ms", 0)) {
      to.initTransactions();
      for (int i = 0; i < count; i++) {
        to.beginTransaction();
        to.send(record("payments", 1, 10));
        if (i % 2 == 1) to.abortTransaction(); else to.commitTransaction();
      }
    }
    tell("transacted", count);
  }

  // Until so many were had, then commits.
  static void poll(int count) throws Exception {
    try (KafkaConsumer<byte[], byte[]> from = consumer(
        "client.id", "reader", "group.id", "billing", "auto.offset.reset", "earliest",
        "enable.auto.commit", false, "fetch.max.wait.ms", 300)) {
      from.subscribe(Collections.singleton("orders"));
      int got = 0;
      while (got < count) got += pollOnce(from, 500);
      from.commitSync();
      tell("polled", got);
    }
  }

  // Waits for what does not come, without a group.
  static void idle(int ms) throws Exception {
    try (KafkaConsumer<byte[], byte[]> from = consumer(
        "client.id", "idler", "fetch.max.wait.ms", 300)) {
      TopicPartition partition = new TopicPartition("payments", 2);
      from.assign(Collections.singleton(partition));
      from.seekToEnd(Collections.singleton(partition));
      long until = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(ms);
      int got = 0;
      while (System.nanoTime() < until) got += pollOnce(from, 100);
      tell("idle", got);
    }
  }

  // poll(Duration) since 2.0, poll(long) before; Kafka 4 has only the first.
  static int pollOnce(KafkaConsumer<byte[], byte[]> from, long ms) throws Exception {
    Object got;
    try {
      Method poll = KafkaConsumer.class.getMethod("poll", java.time.Duration.class);
      got = poll.invoke(from, java.time.Duration.ofMillis(ms));
    } catch (NoSuchMethodException old) {
      got = KafkaConsumer.class.getMethod("poll", long.class).invoke(from, ms);
    }
    return ((ConsumerRecords<?, ?>) got).count();
  }
}
