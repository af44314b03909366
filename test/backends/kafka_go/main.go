// A client of Kafka that is none of Kafka's own: franz-go. It sends `count` messages, each with a
// request of its own, reads them as a member of a group, and asks for a topic that is not there.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

func main() {
	broker, topic := os.Args[1], os.Args[2]
	count, err := strconv.Atoi(os.Args[3])
	check(err)
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()

	producer, err := kgo.NewClient(kgo.SeedBrokers(broker), kgo.ClientID("franz"),
		kgo.ProducerBatchCompression(kgo.ZstdCompression()))
	check(err)
	for i := 0; i < count; i++ {
		record := &kgo.Record{Topic: topic, Value: make([]byte, 100*(i+1))}
		check(producer.ProduceSync(ctx, record).FirstErr())
	}
	missing := "nothing"
	request := kmsg.NewMetadataRequest()
	request.Topics = []kmsg.MetadataRequestTopic{{Topic: &missing}}
	_, err = request.RequestWith(ctx, producer)
	check(err)
	producer.Close()

	consumer, err := kgo.NewClient(kgo.SeedBrokers(broker), kgo.ClientID("franz-reader"),
		kgo.ConsumerGroup("audit"), kgo.ConsumeTopics(topic), kgo.FetchMaxWait(300*time.Millisecond),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.DisableAutoCommit())
	check(err)
	polled := 0
	for polled < count {
		fetches := consumer.PollFetches(ctx)
		check(fetches.Err())
		polled += fetches.NumRecords()
	}
	check(consumer.CommitUncommittedOffsets(ctx))
	consumer.Close()
	check(json.NewEncoder(os.Stdout).Encode(map[string]int{"sent": count, "polled": polled}))
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
