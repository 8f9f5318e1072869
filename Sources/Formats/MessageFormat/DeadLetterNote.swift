/// Why a message died, kept with it in properties of our own.
package struct DeadLetterNote: Hashable, Sendable {
    package enum Name {
        /// How often it was delivered.
        package static let attempts = "APUS_DLQ_ATTEMPTS"
        /// Client id of the consumer that gave up.
        package static let consumer = "APUS_DLQ_CONSUMER"
        package static let error = "APUS_DLQ_ERROR"
        package static let originTopic = "APUS_DLQ_ORIGIN_TOPIC"
        /// When it died, in milliseconds since 1970.
        package static let time = "APUS_DLQ_TIME"
        /// Of a message that was sent again, not of a dead letter: when, in milliseconds since 1970.
        package static let replayedAt = "APUS_DLQ_REPLAYED_AT"
    }

    package static let consumerBytesMax = 255
    package static let errorBytesMax = 1_024

    package var attempts: Int32
    package var consumer: String?
    package var error: String?
    package var originTopic: String
    package var time: Timestamp

    package init(
        attempts: Int32, consumer: String?, error: String?, originTopic: String, time: Timestamp
    ) {
        self.attempts = attempts
        self.consumer = consumer
        self.error = error
        self.originTopic = originTopic
        self.time = time
    }

    /// What a dead letter carries. Nil: it was not this broker that let it die.
    package init?(_ properties: MessageProperties) {
        guard let attempts = properties[Name.attempts].flatMap(Int32.init),
            let time = properties[Name.time].flatMap(Int64.init),
            let topic = properties[Name.originTopic]
        else { return nil }
        self.init(
            attempts: attempts, consumer: properties[Name.consumer], error: properties[Name.error],
            originTopic: topic, time: Timestamp(milliseconds: time))
    }

    /// Replaces an earlier note. What does not fit is left out, the error's text first: that a
    /// message dies must not fail for what is told about it.
    package func write(to properties: inout MessageProperties, bytesMax: Int) {
        var room = bytesMax
        for name in [Name.attempts, Name.consumer, Name.error, Name.originTopic, Name.time] {
            properties[name] = nil
        }
        room -= properties.encoded.utf8.count
        func put(_ name: String, _ text: String) {
            let needed = name.utf8.count + text.utf8.count + 2
            guard !text.isEmpty, needed <= room else { return }
            properties[name] = text
            room -= needed
        }
        put(Name.attempts, String(self.attempts))
        put(Name.time, String(self.time.milliseconds))
        put(Name.originTopic, Self.storable(self.originTopic, bytesMax: Int(UInt8.max)))
        put(Name.consumer, Self.storable(self.consumer ?? "", bytesMax: Self.consumerBytesMax))
        let errorRoom = min(Self.errorBytesMax, room - Name.error.utf8.count - 2)
        put(Name.error, Self.storable(self.error ?? "", bytesMax: errorRoom))
    }

    /// Without the bytes that part properties, and cut between two characters.
    private static func storable(_ text: String, bytesMax: Int) -> String {
        var count = 0
        var scalars = String.UnicodeScalarView()
        for scalar in text.unicodeScalars {
            let kept = scalar.value < 3 ? Unicode.Scalar(UInt8(ascii: " ")) : scalar
            count += UTF8.width(kept)
            guard count <= bytesMax else { break }
            scalars.append(kept)
        }
        return String(scalars)
    }
}
