/** Made by tools/kafka2ts.ts of the definitions in kafka-clients; grammar.ts reads it. */

export const MESSAGES = `
0 Produce 0-13 9
  > s@3+ 2a 4 [st@0-12 uT@13+ [4p br]]
  < [st@0-12 uT@13+ [4p 2e 8 8@2+ 8@5+ [4@8+ s@8+]@8+ s@8+]]
1 Fetch 0-18 12
  > 4@0-14 4w 4 4@3+ 1@4+ 4i@7+ 4n@7+ [st@0-12 uT@13+ [4p 4@9+ 8 4@12+ 8@5+ 4]] ![st@7-12 uT@13+
    (4p)@7+]@7+ s@11+
  < 4@1+ 2e@7+ 4i@7+ [st@0-12 uT@13+ [4p 2e 8 8@4+ 8@5+ [8@4+ 8@4+]@4+ 4@11+ br]]
2 ListOffsets 0-0 6
  > 4 1@2+ [st [4p 4@4+ 8 4@0]]
  < 4@2+ [st [4p 2e (8)@0 8@1+ 8@1+ 4@4+]]
2 ListOffsets 1-11 6
  > 4 1@2+ [st [4p 4@4+ 8]] 4@10+
  < 4@2+ [st [4p 2e 8@1+ 8@1+ 4@4+]]
3 Metadata 0-13 9
  > [uT@10+ st] 1@4+ 1@8-10 1@8+
  < 4@3+ [4 s 4 s@1+] s@2+ 4@1+ [2e st uT@10+ 1@1+ [2 4 4 4@7+ (4) (4) (4)@5+] 4@8+] 4@8-10 2e@13+
4 LeaderAndIsr 0-7 4
  > 4 1@7+ 4 8@2+ 1@5+ [st@0-1 4p 4 4 4 (4) 4 (4) (4)@3+ (4)@3+ 1@1+ 1@6+]@0-1 [st@2+ uT@5+
    [st@0-1 4p 4 4 4 (4) 4 (4) (4)@3+ (4)@3+ 1@1+ 1@6+]@2+]@2+ [4 s 4]
  < 2e [st@0-4 4p 2e]@0-4 [uT@5+ [st@0-4 4p 2e]@5+]@5+
5 StopReplica 0-4 2
  > 4 1@4+ 4 8@1+ 1@0-2 [st@0 4p@0]@0 [st@1-2 (4p)@1-2]@1-2 [st@3+ [4p@3+ 4@3+ 1@3+]@3+]@3+
  < 2e [st 4p 2e]
6 UpdateMetadata 0-8 6
  > 4 1@8+ 4 8@5+ [st@0-4 4p 4 4 4 (4) 4 (4) (4)@4+]@0-4 [st@5+ uT@7+ [st@0-4 4p 4 4 4 (4) 4 (4)
    (4)@4+]@5+]@5+ [4 s@0 4@0 [4@1+ s@1+ s@3+ 2@1+]@1+ s@2+]
  < 2e
7 ControlledShutdown 0-3 3
  > 4 8@2+
  < 2e [st 4p]
8 OffsetCommit 0-1 8
  > sg 4@1+ s@1+ s@7+ 8@2-4 [st [4p 8 4@6+ 8@1 s]]
  < 4@3+ [st [4p 2e]]
8 OffsetCommit 2-10 8
  > sg 4@1+ s@1+ s@7+ 8@2-4 [st@0-9 uT@10+ [4p 8 4@6+ s]]
  < 4@3+ [st@0-9 uT@10+ [4p 2e]]
9 OffsetFetch 0-10 6
  > sg@0-7 [st@0-7 (4p)@0-7]@0-7 [sg@8+ s@9+ 4@9+ [st@8-9 uT@10+ (4p)@8+]@8+]@8+ 1@7+
  < 4@3+ [st@0-7 [4p@0-7 8@0-7 4@5-7 s@0-7 2e@0-7]@0-7]@0-7 2e@2-7 [sg@8+ [st@8-9 uT@10+ [4p@8+
    8@8+ 4@8+ s@8+ 2e@8+]@8+]@8+ 2e@8+]@8+
10 FindCoordinator 0-6 3
  > s@0-3 1@1+ (s)@4+
  < 4@1+ 2e@0-3 s@1-3 4@0-3 s@0-3 4@0-3 [s@4+ 4@4+ s@4+ 4@4+ 2e@4+ s@4+]@4+
11 JoinGroup 0-9 6
  > sg 4 4w@1+ s s@5+ s [s b] s@8+
  < 4@2+ 2e
12 Heartbeat 0-4 4
  > sg 4 s s@3+
  < 4@1+ 2e
13 LeaveGroup 0-5 4
  > sg s@0-2 [s@3+ s@3+ s@5+]@3+
  < 4@1+ 2e [s@3+ s@3+ 2e@3+]@3+
14 SyncGroup 0-5 4
  > sg 4 s s@3+ s@5+ s@5+ [s b]
  < 4@1+ 2e
15 DescribeGroups 0-6 5
  > (sg) 1@3+
  < 4@1+ [2e s@6+ sg s s s [s s@4+ s s b b] 4@3+]
16 ListGroups 0-5 3
  > (s)@4+ (s)@5+
  < 4@1+ 2e [sg s s@4+ s@5+]
17 SaslHandshake 0-1
  > s
  < 2e
18 ApiVersions 0-4 3
  > s@3+ s@3+
  < 2e
19 CreateTopics 0-7 5
  > [st 4 2 [4p (4)] [s s]] 4 1@1+
  < 4@2+ [st uT@7+ 2e s@1+ 4@5+ 2@5+ [s@5+ s@5+ 1@5+ 1@5+ 1@5+]@5+]
20 DeleteTopics 0-6 4
  > [st@6+ uT@6+]@6+ (st)@0-5 4
  < 4@1+ [st uT@6+ 2e s@5+]
21 DeleteRecords 0-2 2
  > [st [4p 8]] 4
  < 4 [st [4p 8 2e]]
22 InitProducerId 0-6 2
  > s 4 8@3+ 2@3+ 1@6+ 1@6+
  < 4 2e
23 OffsetForLeaderEpoch 0-4 4
  > 4@3+ [st [4p 4@2+ 4]]
  < 4@2+ [st [2e 4p 4@1+ 8]]
24 AddPartitionsToTxn 0-5 3
  > [s@4+ 8@4+ 2@4+ 1@4+ [st (4p)]@4+]@4+ s@0-3 8@0-3 2@0-3 [st (4p)]@0-3
  < 4 2e@4+ [s@4+ [st [4p 2e]]@4+]@4+ [st [4p 2e]]@0-3
25 AddOffsetsToTxn 0-4 3
  > s 8 2 sg
  < 4 2e
26 EndTxn 0-5 3
  > s 8 2 1
  < 4 2e
27 WriteTxnMarkers 0-2 1
  > [8 2 1 [st (4p)] 4 1@2+]
  < [8 [st [4p 2e]]]
28 TxnOffsetCommit 0-5 3
  > s sg 8 2 4@3+ s@3+ s@3+ [st [4p 8 4@2+ s]]
  < 4 [st [4p 2e]]
29 DescribeAcls 0-3 2
  > 1 s 1@1+ s s 1 1
  < 4 2e
30 CreateAcls 0-3 2
  > [1 s 1@1+ s s 1 1]
  < 4 [2e s]
31 DeleteAcls 0-3 2
  > [1 s 1@1+ s s 1 1]
  < 4 [2e s [2e s 1 s 1@1+ s s 1 1]]
32 DescribeConfigs 0-0 4
  > [1 s (s)] 1@1+ 1@3+
  < 4 [2e s 1 s [s s 1 1@0 1@1+ 1 [s@1+ s@1+ 1@1+]@1+ 1@3+ s@3+]]
32 DescribeConfigs 1-4 4
  > [1 s (s)] 1@1+ 1@3+
  < 4 [2e s 1 s [s s 1 1@1+ 1 [s@1+ s@1+ 1@1+]@1+ 1@3+ s@3+]]
33 AlterConfigs 0-2 2
  > [1 s [s s]] 1
  < 4 [2e s 1 s]
34 AlterReplicaLogDirs 0-2 2
  > [s [st (4p)]]
  < 4 [st [4p 2e]]
35 DescribeLogDirs 0-4 2
  > [st (4p)]
  < 4 2e@3+ [2e s [st [4p 8 8 1]] 8@4+ 8@4+]
36 SaslAuthenticate 0-2 2
  > b
  < 2e
37 CreatePartitions 0-3 2
  > [st 4 [(4)]] 4 1
  < 4 [st 2e s]
38 CreateDelegationToken 0-3 2
  > s@3+ s@3+ [s s] 8
  < 2e
39 RenewDelegationToken 0-2 2
  > b 8
  < 2e
40 ExpireDelegationToken 0-2 2
  > b 8
  < 2e
41 DescribeDelegationToken 0-3 2
  > [s s]
  < 2e
42 DeleteGroups 0-2 2
  > (sg)
  < 4 [sg 2e]
43 ElectLeaders 0-2 2
  > 1@1+ [st (4p)] 4
  < 4 2e@1+ [st [4p 2e s]]
44 IncrementalAlterConfigs 0-1 1
  > [1 s [s 1 s]] 1
  < 4 [2e s 1 s]
45 AlterPartitionReassignments 0-1 0
  > 4 1@1+ [st [4p (4)]]
  < 4 1@1+ 2e s [st [4p 2e s]]
46 ListPartitionReassignments 0-0 0
  > 4 [st (4p)]
  < 4 2e s [st [4p (4) (4) (4)]]
47 OffsetDelete 0-0
  > sg [st [4p]]
  < 2e 4 [st [4p 2e]]
48 DescribeClientQuotas 0-1 1
  > [s 1 s] 1
  < 4 2e
49 AlterClientQuotas 0-1 1
  > [[s s] [s 8 1]] 1
  < 4 [2e s [s s]]
50 DescribeUserScramCredentials 0-0 0
  > [s]
  < 4 2e s [s 2e s [1 4]]
51 AlterUserScramCredentials 0-0 0
  > [s 1] [s 1 4 b b]
  < 4 [s 2e s]
52 Vote 0-2 0
  > s 4@1+ [st [4p 4 4 u@1+ u@1+ 4 8 1@2+]]
  < 2e [st [4p 2e 4 4 1]]
53 BeginQuorumEpoch 0-1 1
  > s 4@1+ [st [4p u@1+ 4 4]] [s@1+ s@1+ 2@1+]@1+
  < 2e [st [4p 2e 4 4]]
54 EndQuorumEpoch 0-1 1
  > s [st [4p 4 4 (4)@0 [4@1+ u@1+]@1+]] [s@1+ s@1+ 2@1+]@1+
  < 2e [st [4p 2e 4 4]]
55 DescribeQuorum 0-2 0
  > [st [4p]]
  < 2e s@2+ [st [4p 2e s@2+ 4 4 8 [4 u@2+ 8 8@1+ 8@1+] [4 u@2+ 8 8@1+ 8@1+]]]
56 AlterPartition 0-1 0
  > 4 8 [st@0-1 uT@2+ [4p 4 (4)@0-2 [4@3+ 8@3+]@3+ 1@1+ 4]]
  < 4 2e [st@0-1 uT@2+ [4p 2e 4 4 (4) 1@1+ 4]]
56 AlterPartition 2-3 0
  > 4 8 [uT@2+ [4p 4 (4)@0-2 [4@3+ 8@3+]@3+ 1@1+ 4]]
  < 4 2e [uT@2+ [4p 2e 4 4 (4) 1@1+ 4]]
57 UpdateFeatures 0-2 0
  > 4 [s 2 1@0 1@1+] 1@1+
  < 4 2e s [s 2e s]@0-1
58 Envelope 0-0 0
  > b b b
  < b 2e
59 FetchSnapshot 0-1 0
  > 4 4 [st [4p 4 {8 4} 8]]
  < 4 2e [st [4p 2e {8 4} 8 8 br]]
60 DescribeCluster 0-2 0
  > 1 1@1+ 1@2+
  < 4 2e
61 DescribeProducers 0-0 0
  > [st (4p)]
  < 4 [st [4p 2e s [8 4 4 8 4 8]]]
62 BrokerRegistration 0-4 0
  > 4 s u [s s 2 2] [s 2 2] s 1@1+ (u)@2+ 8@3+
  < 4 2e
63 BrokerHeartbeat 0-1 0
  > 4 8 8 1 1
  < 4 2e
64 UnregisterBroker 0-0 0
  > 4
  < 4 2e
65 DescribeTransactions 0-0 0
  > (s)
  < 4 [2e s s 4 8 8 2 [st (4p)]]
66 ListTransactions 0-2 0
  > (s) (8) 8@1+ s@2+
  < 4 2e
67 AllocateProducerIds 0-0 0
  > 4 8
  < 4 2e
68 ConsumerGroupHeartbeat 0-1 0
  > sg s 4 s s 4 (st) s@1+ s [uT (4p)]
  < 4 2e s s 4 4 ?{[uT (4p)]}
69 ConsumerGroupDescribe 0-1 0
  > (sg) 1
  < 4 [2e s sg s 4 4 s [s s s 4 s s (st) s {[uT st (4p)]} {[uT st (4p)]} 1@1+] 4]
70 ControllerRegistration 0-0 0
  > 4 u 1 [s s 2 2] [s 2 2]
  < 4 2e
71 GetTelemetrySubscriptions 0-0 0
  > u
  < 4 2e
72 PushTelemetry 0-0 0
  > u 4 1 1 b
  < 4 2e
73 AssignReplicasToDirs 0-0 0
  > 4 8 [u [uT [4p]]]
  < 4 2e [u [uT [4p 2e]]]
74 ListConfigResources 0-1 0
  > (1)@1+
  < 4 2e
75 DescribeTopicPartitions 0-0 0
  > [st] 4 ?{st 4p}
  < 4 [2e st uT 1 [2 4 4 4 (4) (4) (4) (4) (4)] 4] ?{st 4p}
76 ShareGroupHeartbeat 0-0 0
  > sg s 4 s (s)
  < 4 2e s s 4 4 ?{[uT (4p)]}
76 ShareGroupHeartbeat 1-1 0
  > sg s 4 s (st)
  < 4 2e s s 4 4 ?{[uT (4p)]}
77 ShareGroupDescribe 0-1 0
  > (sg) 1
  < 4 [2e s sg s 4 4 s [s s 4 s s (st) {[uT st (4p)]}] 4]
78 ShareFetch 0-2 0
  > sg s 4 4w 4 4 4@1+ 4@1+ 1@2+ 1@2+ [uT [4p 4@0 [8 8 (1)]]] ![uT (4p)]
  < 4 2e s 4@1+ [uT [4p 2e s 2e s {4 4} br [8 8 2]]]
79 ShareAcknowledge 0-2 0
  > sg s 4 1@2+ [uT [4p [8 8 (1)]]]
  < 4 2e s 4@2+ [uT [4p 2e s {4 4}]]
80 AddRaftVoter 0-1 0
  > s 4 4 u [s s 2] 1@1+
  < 4 2e
81 RemoveRaftVoter 0-0 0
  > s 4 u
  < 4 2e
82 UpdateRaftVoter 0-0 0
  > s 4 4 u [s s 2] {2 2}
  < 4 2e
83 InitializeShareGroupState 0-0 0
  > s [uT [4p 4 8]]
  < [uT [4p 2e s]]
84 ReadShareGroupState 0-0 0
  > s [uT [4p 4]]
  < [uT [4p 2e s 4 8 [8 8 1 2]]]
85 WriteShareGroupState 0-1 0
  > s [uT [4p 4 4 8 4@1+ [8 8 1 2]]]
  < [uT [4p 2e s]]
86 DeleteShareGroupState 0-0 0
  > s [uT [4p]]
  < [uT [4p 2e s]]
87 ReadShareGroupStateSummary 0-1 0
  > s [uT [4p 4]]
  < [uT [4p 2e s 4 4 8 4@1+]]
88 StreamsGroupHeartbeat 0-0 0
  > sg s 4 4 s s 4 ?{4 [s (st) (s) [st 4p 2 [s s]] (st) [st 4p 2 [s s]] [(2) (2) (2)]]} [s (4p)]
    [s (4p)] [s (4p)] s ?{s 2} [s s] [s 4p 8] [s 4p 8] 1
  < 4 2e s s 4 4 4 4 [1 s] [s (4p)] [s (4p)] [s (4p)] 4 [{s 2} [st (4p)] [st (4p)]]
89 StreamsGroupDescribe 0-0 0
  > (sg) 1
  < 4 [2e s sg s 4 4 ?{4 [s (st) (st) [st 4p 2 [s s]] [st 4p 2 [s s]]]} [s 4 s s s s 4 s ?{s 2} [s
    s] [s 4p 8] [s 4p 8] {[s (4p)] [s (4p)] [s (4p)]} {[s (4p)] [s (4p)] [s (4p)]} 1] 4]
90 DescribeShareGroupOffsets 0-1 0
  > [sg [st (4p)]]
  < 4 [sg [st uT [4p 8 4 8@1+ 2e s]] 2e s]
91 AlterShareGroupOffsets 0-0 0
  > sg [st [4p 8]]
  < 4 2e s [st uT [4p 2e s]]
92 DeleteShareGroupOffsets 0-0 0
  > sg [st]
  < 4 2e s [st uT 2e s]
`

export const ERRORS: ReadonlyMap<number, string> = new Map([
  [-1, 'UNKNOWN_SERVER_ERROR'],
  [1, 'OFFSET_OUT_OF_RANGE'],
  [2, 'CORRUPT_MESSAGE'],
  [3, 'UNKNOWN_TOPIC_OR_PARTITION'],
  [4, 'INVALID_FETCH_SIZE'],
  [5, 'LEADER_NOT_AVAILABLE'],
  [6, 'NOT_LEADER_OR_FOLLOWER'],
  [7, 'REQUEST_TIMED_OUT'],
  [8, 'BROKER_NOT_AVAILABLE'],
  [9, 'REPLICA_NOT_AVAILABLE'],
  [10, 'MESSAGE_TOO_LARGE'],
  [11, 'STALE_CONTROLLER_EPOCH'],
  [12, 'OFFSET_METADATA_TOO_LARGE'],
  [13, 'NETWORK_EXCEPTION'],
  [14, 'COORDINATOR_LOAD_IN_PROGRESS'],
  [15, 'COORDINATOR_NOT_AVAILABLE'],
  [16, 'NOT_COORDINATOR'],
  [17, 'INVALID_TOPIC_EXCEPTION'],
  [18, 'RECORD_LIST_TOO_LARGE'],
  [19, 'NOT_ENOUGH_REPLICAS'],
  [20, 'NOT_ENOUGH_REPLICAS_AFTER_APPEND'],
  [21, 'INVALID_REQUIRED_ACKS'],
  [22, 'ILLEGAL_GENERATION'],
  [23, 'INCONSISTENT_GROUP_PROTOCOL'],
  [24, 'INVALID_GROUP_ID'],
  [25, 'UNKNOWN_MEMBER_ID'],
  [26, 'INVALID_SESSION_TIMEOUT'],
  [27, 'REBALANCE_IN_PROGRESS'],
  [28, 'INVALID_COMMIT_OFFSET_SIZE'],
  [29, 'TOPIC_AUTHORIZATION_FAILED'],
  [30, 'GROUP_AUTHORIZATION_FAILED'],
  [31, 'CLUSTER_AUTHORIZATION_FAILED'],
  [32, 'INVALID_TIMESTAMP'],
  [33, 'UNSUPPORTED_SASL_MECHANISM'],
  [34, 'ILLEGAL_SASL_STATE'],
  [35, 'UNSUPPORTED_VERSION'],
  [36, 'TOPIC_ALREADY_EXISTS'],
  [37, 'INVALID_PARTITIONS'],
  [38, 'INVALID_REPLICATION_FACTOR'],
  [39, 'INVALID_REPLICA_ASSIGNMENT'],
  [40, 'INVALID_CONFIG'],
  [41, 'NOT_CONTROLLER'],
  [42, 'INVALID_REQUEST'],
  [43, 'UNSUPPORTED_FOR_MESSAGE_FORMAT'],
  [44, 'POLICY_VIOLATION'],
  [45, 'OUT_OF_ORDER_SEQUENCE_NUMBER'],
  [46, 'DUPLICATE_SEQUENCE_NUMBER'],
  [47, 'INVALID_PRODUCER_EPOCH'],
  [48, 'INVALID_TXN_STATE'],
  [49, 'INVALID_PRODUCER_ID_MAPPING'],
  [50, 'INVALID_TRANSACTION_TIMEOUT'],
  [51, 'CONCURRENT_TRANSACTIONS'],
  [52, 'TRANSACTION_COORDINATOR_FENCED'],
  [53, 'TRANSACTIONAL_ID_AUTHORIZATION_FAILED'],
  [54, 'SECURITY_DISABLED'],
  [55, 'OPERATION_NOT_ATTEMPTED'],
  [56, 'KAFKA_STORAGE_ERROR'],
  [57, 'LOG_DIR_NOT_FOUND'],
  [58, 'SASL_AUTHENTICATION_FAILED'],
  [59, 'UNKNOWN_PRODUCER_ID'],
  [60, 'REASSIGNMENT_IN_PROGRESS'],
  [61, 'DELEGATION_TOKEN_AUTH_DISABLED'],
  [62, 'DELEGATION_TOKEN_NOT_FOUND'],
  [63, 'DELEGATION_TOKEN_OWNER_MISMATCH'],
  [64, 'DELEGATION_TOKEN_REQUEST_NOT_ALLOWED'],
  [65, 'DELEGATION_TOKEN_AUTHORIZATION_FAILED'],
  [66, 'DELEGATION_TOKEN_EXPIRED'],
  [67, 'INVALID_PRINCIPAL_TYPE'],
  [68, 'NON_EMPTY_GROUP'],
  [69, 'GROUP_ID_NOT_FOUND'],
  [70, 'FETCH_SESSION_ID_NOT_FOUND'],
  [71, 'INVALID_FETCH_SESSION_EPOCH'],
  [72, 'LISTENER_NOT_FOUND'],
  [73, 'TOPIC_DELETION_DISABLED'],
  [74, 'FENCED_LEADER_EPOCH'],
  [75, 'UNKNOWN_LEADER_EPOCH'],
  [76, 'UNSUPPORTED_COMPRESSION_TYPE'],
  [77, 'STALE_BROKER_EPOCH'],
  [78, 'OFFSET_NOT_AVAILABLE'],
  [79, 'MEMBER_ID_REQUIRED'],
  [80, 'PREFERRED_LEADER_NOT_AVAILABLE'],
  [81, 'GROUP_MAX_SIZE_REACHED'],
  [82, 'FENCED_INSTANCE_ID'],
  [83, 'ELIGIBLE_LEADERS_NOT_AVAILABLE'],
  [84, 'ELECTION_NOT_NEEDED'],
  [85, 'NO_REASSIGNMENT_IN_PROGRESS'],
  [86, 'GROUP_SUBSCRIBED_TO_TOPIC'],
  [87, 'INVALID_RECORD'],
  [88, 'UNSTABLE_OFFSET_COMMIT'],
  [89, 'THROTTLING_QUOTA_EXCEEDED'],
  [90, 'PRODUCER_FENCED'],
  [91, 'RESOURCE_NOT_FOUND'],
  [92, 'DUPLICATE_RESOURCE'],
  [93, 'UNACCEPTABLE_CREDENTIAL'],
  [94, 'INCONSISTENT_VOTER_SET'],
  [95, 'INVALID_UPDATE_VERSION'],
  [96, 'FEATURE_UPDATE_FAILED'],
  [97, 'PRINCIPAL_DESERIALIZATION_FAILURE'],
  [98, 'SNAPSHOT_NOT_FOUND'],
  [99, 'POSITION_OUT_OF_RANGE'],
  [100, 'UNKNOWN_TOPIC_ID'],
  [101, 'DUPLICATE_BROKER_REGISTRATION'],
  [102, 'BROKER_ID_NOT_REGISTERED'],
  [103, 'INCONSISTENT_TOPIC_ID'],
  [104, 'INCONSISTENT_CLUSTER_ID'],
  [105, 'TRANSACTIONAL_ID_NOT_FOUND'],
  [106, 'FETCH_SESSION_TOPIC_ID_ERROR'],
  [107, 'INELIGIBLE_REPLICA'],
  [108, 'NEW_LEADER_ELECTED'],
  [109, 'OFFSET_MOVED_TO_TIERED_STORAGE'],
  [110, 'FENCED_MEMBER_EPOCH'],
  [111, 'UNRELEASED_INSTANCE_ID'],
  [112, 'UNSUPPORTED_ASSIGNOR'],
  [113, 'STALE_MEMBER_EPOCH'],
  [114, 'MISMATCHED_ENDPOINT_TYPE'],
  [115, 'UNSUPPORTED_ENDPOINT_TYPE'],
  [116, 'UNKNOWN_CONTROLLER_ID'],
  [117, 'UNKNOWN_SUBSCRIPTION_ID'],
  [118, 'TELEMETRY_TOO_LARGE'],
  [119, 'INVALID_REGISTRATION'],
  [120, 'TRANSACTION_ABORTABLE'],
  [121, 'INVALID_RECORD_STATE'],
  [122, 'SHARE_SESSION_NOT_FOUND'],
  [123, 'INVALID_SHARE_SESSION_EPOCH'],
  [124, 'FENCED_STATE_EPOCH'],
  [125, 'INVALID_VOTER_KEY'],
  [126, 'DUPLICATE_VOTER'],
  [127, 'VOTER_NOT_FOUND'],
  [128, 'INVALID_REGULAR_EXPRESSION'],
  [129, 'REBOOTSTRAP_REQUIRED'],
  [130, 'STREAMS_INVALID_TOPOLOGY'],
  [131, 'STREAMS_INVALID_TOPOLOGY_EPOCH'],
  [132, 'STREAMS_TOPOLOGY_FENCED'],
  [133, 'SHARE_SESSION_LIMIT_REACHED'],
])
