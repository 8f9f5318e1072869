import ClientCore
import Testing

@Suite("namespaces")
struct NamespaceTests {
    private static let names = [
        ("orders", "shop%orders"), ("%RETRY%billing", "%RETRY%shop%billing"),
        ("%DLQ%billing", "%DLQ%shop%billing"),
        // The part before the first percent sign is the namespace.
        ("other%orders", "shop%other%orders"),
    ]

    @Test("a name gets its namespace, once, behind what stays in front", arguments: Self.names)
    func full(bare: String, full: String) {
        let namespace = Namespace("shop")
        #expect(namespace.full(bare) == full)
        #expect(namespace.full(full) == full)
    }

    @Test("and loses it again", arguments: Self.names)
    func bare(bare: String, full: String) {
        let namespace = Namespace("shop")
        #expect(namespace.bare(full) == bare)
        #expect(namespace.bare(bare) == bare)
    }

    @Test(
        "what all users share has no namespace",
        arguments: [
            "TBW102", "RMQ_SYS_TRACE_TOPIC", "SCHEDULE_TOPIC_XXXX", "rmq_sys_wheel_timer",
            "CID_RMQ_SYS_TRANS", "",
        ])
    func shared(name: String) { #expect(Namespace("shop").full(name) == name) }

    @Test("without a namespace nothing changes", arguments: [nil, ""])
    func none(name: String?) {
        #expect(Namespace(name) == .none)
        #expect(Namespace(name).full("orders") == "orders")
        #expect(Namespace(name).bare("shop%orders") == "shop%orders")
    }

    @Test("a namespace is a whole word: another one that begins like it is another one")
    func prefixes() {
        #expect(Namespace("shop").bare("shop2%orders") == "shop2%orders")
        #expect(Namespace("shop").full("shop2%orders") == "shop%shop2%orders")
    }
}
