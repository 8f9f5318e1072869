extension Admin {
    /// What clients wrote down about a message, in the order of their clocks.
    ///
    /// Nothing, if they did not trace it: producers and consumers do so on demand,
    /// `ApusClient.Configuration.trace`.
    ///
    /// - Parameters:
    ///   - id: the id that its producer gave it.
    ///   - topic: where the records are.
    public func trace(
        ofMessage id: String, in topic: String = TraceOptions().topic
    ) async throws(ApusClientError) -> [TraceRecord] {
        let found = try await self.messages(topic: topic, key: id, limit: 256)
        var records: [TraceRecord] = []
        for message in found {
            try message.checkBody()
            records += TraceRecord.records(in: message.body).filter { $0.messageID == id }
        }
        // A record without a time belongs behind the one that it ends.
        var times: [String: Int64] = [:]
        for case .received(let record) in records { times[record.requestID] = record.timestamp }
        func time(_ record: TraceRecord) -> Int64 {
            if case .handled(let handled) = record, handled.timestamp == nil {
                return (times[handled.requestID] ?? 0) + handled.milliseconds
            }
            return record.timestamp ?? 0
        }
        return records.enumerated()
            .sorted { (time($0.element), $0.offset) < (time($1.element), $1.offset) }
            .map(\.element)
    }
}
