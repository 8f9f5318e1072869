import BrokerEngine
import LogCore
import MessageFormat
import MetricsFormat
import Storage

// Names, labels and units of RocketMQ 5, so that dashboards and alerts go on working.
extension WorkerFigures {
    var page: MetricPage {
        var page = MetricPage()
        self.traffic(&page)
        self.storage(&page)
        self.clients(&page)
        self.transactionsAndDelays(&page)
        page.append(self.ownPage)
        return page
    }

    private func traffic(_ page: inout MetricPage) {
        let incoming = self.engine.incoming
        page.add(
            .counter, "rocketmq_messages_in_total", "Messages put into a topic since the start.",
            incoming.map { $0.sample($0.count.messages) })
        page.add(
            .counter, "rocketmq_throughput_in_total",
            "Bytes of messages, as stored, put into a topic since the start.",
            incoming.map { $0.sample($0.count.bytes) })
        let outgoing = self.engine.outgoing.sorted { ($0.group, $0.topic) < ($1.group, $1.topic) }
        page.add(
            .counter, "rocketmq_messages_out_total", "Messages handed to a group since the start.",
            outgoing.map { $0.sample($0.count.messages) })
        page.add(
            .counter, "rocketmq_throughput_out_total",
            "Bytes of messages handed to a group since the start.",
            outgoing.map { $0.sample($0.count.bytes) })
        page.histogram(
            "rocketmq_message_size", "Bytes of a message as it is stored.",
            MetricSample(.histogram(self.engine.counters.messageSize)))
        page.add(
            .counter, "rocketmq_send_to_dlq_messages_total",
            "Messages that a group gave up, since the start.",
            incoming.filter { $0.topic.hasPrefix(ResourceName.deadLetterPrefix) }.map {
                let group = $0.topic.dropFirst(ResourceName.deadLetterPrefix.count)
                return MetricSample(
                    $0.count.messages, MetricLabel("consumer_group", String(group)))
            })
    }

    private func storage(_ page: inout MetricPage) {
        let progress = self.engine.progress
        func stored(_ value: some BinaryInteger) -> MetricSample {
            MetricSample(
                value, MetricLabel("storage_type", "local"), MetricLabel("storage_medium", "disk"))
        }
        if let disk = self.writer.disk {
            page.gauge(
                "rocketmq_storage_size", "Bytes in use on the disk of the store.",
                stored(disk.bytesTotal - disk.bytesFree))
        }
        page.gauge(
            "rocketmq_storage_flush_behind_bytes", "Bytes of the log not on stable storage yet.",
            stored(self.engine.logEnd.distance(from: progress.durable)))
        page.gauge(
            "rocketmq_storage_dispatch_behind_bytes",
            "Bytes of the log that consumers cannot see yet.",
            stored(self.engine.logEnd.distance(from: progress.confirmed)))
        if let since = self.engine.keptSince {
            page.gauge(
                "rocketmq_storage_message_reserve_time",
                "Milliseconds since the youngest message of the oldest segment was stored.",
                stored(max(0, self.engine.now.wall.milliseconds - since.milliseconds)))
        }
        page.gauge(
            "rocketmq_processor_watermark", "Requests that wait for disk and replicas.",
            MetricSample(self.engine.waitingSends, MetricLabel("processor", "send")))
        page.gauge(
            "rocketmq_broker_permission", "6: it takes and gives messages; 0: not now.",
            MetricSample(self.isReady && self.isMaster ? 6 : 0))
    }

    private func clients(_ page: inout MetricPage) {
        page.add(
            .gauge, "rocketmq_producer_connections", "Producers that are connected.",
            self.engine.producers.sorted().map { kind, count in
                MetricSample(
                    count, MetricLabel("language", kind.language),
                    MetricLabel("version", "\(kind.version)"))
            })
        page.add(
            .gauge, "rocketmq_consumer_connections", "Consumers that are connected.",
            self.engine.consumers.sorted().map { kind, count in
                MetricSample(
                    count, MetricLabel("consumer_group", kind.group),
                    MetricLabel("consume_mode", kind.mode), MetricLabel("language", kind.language),
                    MetricLabel("version", "\(kind.version)"))
            })
        page.gauge("rocketmq_topic_number", "Topics.", MetricSample(self.engine.topicCount))
        page.gauge(
            "rocketmq_consumer_group_number", "Consumer groups.",
            MetricSample(self.engine.groupCount))
        page.gauge(
            "rocketmq_half_messages", "Messages of transactions that are open.",
            MetricSample(self.engine.openTransactions))
        page.gauge(
            "rocketmq_timing_messages", "Delayed messages that are not delivered yet.",
            MetricSample(self.engine.delayedMessages))
    }

    private func transactionsAndDelays(_ page: inout MetricPage) {
        let counters = self.engine.counters
        page.counter(
            "rocketmq_commit_messages_total", "Transactions that were committed since the start.",
            MetricSample(counters.committed))
        page.counter(
            "rocketmq_rollback_messages_total",
            "Transactions that were rolled back since the start.",
            MetricSample(counters.rolledBack))
        page.counter(
            "apus_transactions_given_up_total",
            "Transactions that nobody decided about, since the start.",
            MetricSample(counters.givenUp))
        page.counter(
            "rocketmq_timer_enqueue_total", "Messages put aside until their time, since the start.",
            MetricSample(counters.delayed))
        page.counter(
            "rocketmq_timer_dequeue_total", "Delayed messages delivered since the start.",
            MetricSample(counters.delayedAndDelivered))
        let late = self.engine.nextDelayedDue.map {
            self.engine.now.wall.milliseconds - $0.milliseconds
        }
        page.gauge(
            "rocketmq_timer_dequeue_latency",
            "Milliseconds that the next delayed message is late; 0 while none is.",
            MetricSample(max(0, late ?? 0)))
    }
}

extension WorkerFigures {
    var isMaster: Bool {
        switch self.engine.role {
        case .alone, .master: true
        case .replica, .fenced: false
        }
    }
}

extension ConsumerLag {
    static func page(_ lags: [ConsumerLag], at now: Timestamp) -> MetricPage {
        var page = MetricPage()
        page.add(
            .gauge, "rocketmq_consumer_lag_messages",
            "Messages that a group has not consumed, those with its consumers included.",
            lags.map { $0.sample($0.messages) })
        page.add(
            .gauge, "rocketmq_consumer_lag_latency",
            "Milliseconds since the oldest of those was stored; 0 if there is none.",
            lags.map { lag in
                lag.sample(
                    lag.waitingSince.map { max(0, now.milliseconds - $0.milliseconds) } ?? 0)
            })
        page.add(
            .gauge, "rocketmq_consumer_ready_messages",
            "Messages that wait for a consumer of the group.",
            lags.map { $0.sample(max(0, $0.messages - $0.inFlight)) })
        page.add(
            .gauge, "rocketmq_consumer_inflight_messages",
            "Messages that were popped and are not acknowledged yet.",
            lags.map { $0.sample($0.inFlight) })
        return page
    }

    private func sample(_ value: Int64) -> MetricSample {
        MetricSample(
            value, MetricLabel("consumer_group", self.group), MetricLabel("topic", self.topic),
            MetricLabel("is_retry", "\(self.isRetry)"))
    }
}

extension BrokerFigures.TopicTraffic {
    fileprivate func sample(_ value: Int64) -> MetricSample {
        MetricSample(
            value, MetricLabel("topic", self.topic), MetricLabel("message_type", self.messageType),
            MetricLabel("is_system", "\(self.isSystem)"))
    }
}

extension BrokerFigures.ReaderTraffic {
    fileprivate func sample(_ value: Int64) -> MetricSample {
        MetricSample(
            value, MetricLabel("consumer_group", self.group), MetricLabel("topic", self.topic),
            MetricLabel("is_retry", "\(self.isRetry)"), MetricLabel("is_system", "\(self.isSystem)")
        )
    }
}

extension [BrokerFigures.ClientKind: Int] {
    fileprivate func sorted() -> [(key: Key, value: Value)] {
        self.sorted {
            ($0.key.group, $0.key.mode, $0.key.language, $0.key.version)
                < ($1.key.group, $1.key.mode, $1.key.language, $1.key.version)
        }
    }
}
