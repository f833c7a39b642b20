t                                                                       KEY     
           abc             1             1             1             0
RUA                        2             2             3             0
(16I5)          (16I5)          (3E16.8)            
